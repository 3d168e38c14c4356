# SPDX-License-Identifier: GPL-2.0
"""What the script of the series makes of small texts."""

import unittest

from . import helpers
from .comments import wrapped
from .files import edited
from .plan import Edit, load
from .rust import Place, convert


class TestRust(unittest.TestCase):
    """Sources of Rust at their new places."""

    def setUp(self) -> None:
        self.plan = load()

    def test_kernel_imports(self) -> None:
        """Imports of the kernel crate and of kapi become one, also those that leave a module."""
        text = "use kernel::prelude::*;\nuse super::{\n    binding::Binding,\n    bindings, //\n};\n"
        want = ("use crate::{\n    bindings,\n    device::binding::Binding,\n    prelude::*, //\n};\n")
        self.assertEqual(convert(text, Place(self.plan, True, ("kapi", "irq"))).strip(), want.strip())

    def test_super_within_what_moves(self) -> None:
        """A path that stays within what moves as a whole stays as it is."""
        text = "use super::rx::RxFrame;\n"
        self.assertEqual(convert(text, Place(self.plan, True, ("kapi", "net", "napi"))), text)

    def test_driver_keeps_names(self) -> None:
        """A module that has another name now keeps the one that the driver uses."""
        text = "use crate::{\n    kapi::net::{self, Device},\n    regs,\n};\n"
        want = ("use kernel::net::dev::{\n    self as net,\n    Device, //\n};\nuse crate::regs;\n")
        self.assertEqual(convert(text, Place(self.plan, False, ("vf_driver", "hw"))), want)

    def test_macro(self) -> None:
        """Macros name the kernel crate by its variable."""
        text = "macro_rules! m { () => { $crate::kapi::net::f(::kernel::g()) } }\n"
        want = "macro_rules! m { () => { $crate::net::dev::f($crate::g()) } }\n"
        self.assertEqual(convert(text, Place(self.plan, True, ("kapi", "net", "print"))), want)

    def test_example(self) -> None:
        """Code in documentation is outside of the kernel crate."""
        text = "/// ```\n/// use crate::kapi::spsc::channel;\n/// ```\nfn f() {}\n"
        want = text.replace("crate::kapi::spsc", "kernel::sync::spsc")
        self.assertEqual(convert(text, Place(self.plan, True, ("kapi", "spsc"))), want)

    def test_unknown_module(self) -> None:
        """What the series leaves out cannot be used."""
        with self.assertRaises(ValueError):
            convert("use crate::kapi::vfio::Driver;\n", Place(self.plan, False, ("vf_driver", "hw")))


class TestTexts(unittest.TestCase):
    """Cuts, comments and helpers."""

    def test_cut_item(self) -> None:
        """An item goes with its comment and one blank line."""
        text = "fn a() {\n}\n\n/// B.\nfn b() {\n    c();\n}\n\nfn d() {\n}\n"
        self.assertEqual(edited(text, Edit("x", "fn b()", item=True)), "fn a() {\n}\n\nfn d() {\n}\n")

    def test_cut_that_does_not_fit(self) -> None:
        """A text that is not there is an error."""
        with self.assertRaises(ValueError):
            edited("a", Edit("x", "b"))

    def test_comment(self) -> None:
        """A long comment is wrapped, an item of a list with its indentation; a table is left alone."""
        long = "word " * 25
        lines = wrapped(f"/// * {long}\n/// | {long}\n").splitlines()
        self.assertEqual([len(line) <= 100 for line in lines], [True, True, False])
        self.assertTrue(lines[1].startswith("///   word"))

    def test_helper(self) -> None:
        """A function of the shim gets the kernel's prefix, and its arguments are aligned anew."""
        function = "void kapi_napi_kick(struct napi_struct *n)\n{\n}\n"
        includes, body = helpers.source(f'// S\n#include <a.h>\n#include "x.h"\n\n{function}', load())
        self.assertEqual(includes, {"<a.h>"})
        self.assertEqual(body, "__rust_helper " + function.replace("kapi", "rust_helper"))


if __name__ == "__main__":
    unittest.main()
