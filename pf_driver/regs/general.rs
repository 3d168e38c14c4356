// SPDX-License-Identifier: GPL-2.0

//! Device control, NVM, PHY access, semaphores, flow control (datasheet 8.2 to 8.6).

use kernel::io::register;

register! {
    /// Device control.
    pub(crate) CTRL(u32) @ 0x0_0000 {
        /// Full duplex, when forced.
        0:0 fd => bool;
        /// Asks the device to stop being a bus master; STATUS.GIO_MASTER_EN tells when it has.
        2:2 gio_master_disable => bool;
        /// Set link up: the MAC follows the link.
        6:6 slu => bool;
        /// Speed, when forced.
        9:8 speed;
        /// Force speed.
        11:11 frcspd => bool;
        /// Force duplex.
        12:12 frcdplx => bool;
        /// Software-definable pins 0 and 1, as outputs of a fibre module.
        19:18 swdpins;
        /// Resets the port, except the PHY and what the NVM configures. Clears itself.
        26:26 rst => bool;
        /// Obey received pause frames.
        27:27 rfce => bool;
        /// Send pause frames.
        28:28 tfce => bool;
        /// VLAN mode: strip tags. Only without pools.
        30:30 vme => bool;
    }

    /// Device status.
    pub(crate) STATUS(u32) @ 0x0_0008 {
        /// Full duplex.
        0:0 fd => bool;
        /// Link up.
        1:1 lu => bool;
        /// Which of the ports of the device this is.
        3:2 lan_id;
        /// Speed: 0 for 10, 1 for 100, 2 and 3 for 1000 Mbit/s.
        7:6 speed;
        /// Bus master requests are outstanding or possible.
        19:19 gio_master_en => bool;
    }

    /// EEPROM and flash control.
    pub(crate) EECD(u32) @ 0x0_0010 {
        /// An EEPROM is there.
        8:8 ee_pres => bool;
        /// The configuration was read from the EEPROM.
        9:9 auto_rd => bool;
        /// Size of the EEPROM: 64 words times two to the power of this.
        14:11 ee_size;
    }

    /// EEPROM read.
    pub(crate) EERD(u32) @ 0x0_0014 {
        /// Starts a read.
        0:0 start => bool;
        /// The read is done.
        1:1 done => bool;
        /// Word to read.
        15:2 addr;
        /// The word.
        31:16 data;
    }

    /// Extended device control.
    pub(crate) CTRL_EXT(u32) @ 0x0_0018 {
        /// Software-definable pin 3, power of a fibre module.
        7:7 sdp3_data => bool;
        /// Physical function reset done: tells all VFs by V2PMAILBOX.RSTD.
        14:14 pfrstd => bool;
        /// What the port is connected to: 0 is the internal PHY, 3 SerDes.
        23:22 link_mode;
        /// Enables the I2C interface to a fibre module.
        25:25 i2c_ena => bool;
        /// A driver is loaded: management firmware leaves the device to it.
        28:28 drv_load => bool;
    }

    /// Access to the registers of the PHY.
    pub(crate) MDIC(u32) @ 0x0_0020 {
        /// Value to write, or value read.
        15:0 data;
        /// PHY register.
        20:16 regadd;
        /// PHY address.
        25:21 phyadd;
        /// 1 writes, 2 reads.
        27:26 op;
        /// Done.
        28:28 ready => bool;
        /// The access failed.
        30:30 error => bool;
    }

    /// Flow control address, low.
    pub(crate) FCAL(u32) @ 0x0_0028 { 31:0 value; }
    /// Flow control address, high.
    pub(crate) FCAH(u32) @ 0x0_002c { 31:0 value; }
    /// Flow control type.
    pub(crate) FCT(u32) @ 0x0_0030 { 31:0 value; }
    /// Copper or fibre switch.
    pub(crate) CONNSW(u32) @ 0x0_0034 {
        /// Take the signal of the module as the sign of a link.
        2:2 enrgsrc => bool;
    }
    /// VLAN EtherTypes: inner 15:0.
    pub(crate) VET(u32) @ 0x0_0038 { 31:0 value; }
    /// Time in a pause frame, in units of 512 bit times.
    pub(crate) FCTTV(u32) @ 0x0_0170 { 31:0 value; }

    /// LED control: one byte for each of four LEDs.
    pub(crate) LEDCTL(u32) @ 0x0_0e00 { 31:0 value; }

    /// Receive FIFO level below which the pause ends.
    pub(crate) FCRTL(u32) @ 0x0_2160 {
        /// In bytes.
        15:0 rtl;
        /// Send XON.
        31:31 xone => bool;
    }
    /// Receive FIFO level above which pause frames are sent.
    pub(crate) FCRTH(u32) @ 0x0_2168 {
        /// In bytes.
        15:0 rth;
    }
    /// Refresh of pause frames.
    pub(crate) FCRTV(u32) @ 0x0_2460 { 31:0 value; }
    /// Receive packet buffer.
    pub(crate) RXPBS(u32) @ 0x0_2404 {
        /// Kilobytes.
        6:0 size;
    }

    /// SerDes configuration.
    pub(crate) SERDESCTL(u32) @ 0x0_0024 { 31:0 value; }
    /// Physical coding sublayer: configuration.
    pub(crate) PCS_CFG(u32) @ 0x0_4200 {
        /// Enable.
        3:3 pcs_en => bool;
    }
    /// Physical coding sublayer: link control.
    pub(crate) PCS_LCTL(u32) @ 0x0_4208 {
        /// Forced link value.
        0:0 flv => bool;
        /// Forced speed.
        2:1 fsv;
        /// Forced duplex.
        3:3 fdv => bool;
        /// Force speed and duplex.
        4:4 fsd => bool;
        /// Force link.
        5:5 force_link => bool;
        /// Force flow control.
        7:7 force_fc => bool;
        /// Autonegotiation.
        16:16 an_enable => bool;
        /// Starts it again.
        17:17 an_restart => bool;
    }
    /// Physical coding sublayer: link status.
    pub(crate) PCS_LSTS(u32) @ 0x0_420c {
        /// Link up.
        0:0 link_ok => bool;
        /// Synchronised.
        4:4 sync_ok => bool;
        /// Autonegotiation is done.
        16:16 an_complete => bool;
    }
    /// Physical coding sublayer: what is advertised.
    pub(crate) PCS_ANADV(u32) @ 0x0_4218 {
        /// Symmetric pause.
        7:7 pause => bool;
        /// Asymmetric pause.
        8:8 asm_dir => bool;
    }
    /// Physical coding sublayer: what the partner advertises.
    pub(crate) PCS_LPAB(u32) @ 0x0_421c {
        /// Symmetric pause.
        7:7 pause => bool;
        /// Asymmetric pause.
        8:8 asm_dir => bool;
    }

    /// Wake up control.
    pub(crate) WUC(u32) @ 0x0_5800 {
        /// Advanced power management: a magic packet wakes the host.
        0:0 apme => bool;
        /// Power management events, as the operating system has it.
        1:1 pme_en => bool;
        /// A magic packet is also a power management event.
        3:3 apmpme => bool;
    }
    /// Wake up filters.
    pub(crate) WUFC(u32) @ 0x0_5808 { 31:0 value; }

    /// Management control. Of the board's firmware; read only here.
    pub(crate) MANC(u32) @ 0x0_5820 {
        /// A controller is on the SMBus.
        0:0 smbus_en => bool;
        /// Alert standard format.
        1:1 asf_en => bool;
        /// Management receives frames.
        17:17 rcv_tco_en => bool;
        /// The PHY must not be reset: serial or IDE redirection uses it.
        18:18 blk_phy_rst_on_ide => bool;
    }

    /// PCIe control.
    pub(crate) GCR(u32) @ 0x0_5b00 {
        /// Time that the answer to a request may take, for [`GCR::cap_ver2`] clear.
        15:12 timeout;
        /// Makes a request again after that time.
        16:16 timeout_resend => bool;
        /// The time is in the configuration space (Device Control 2).
        18:18 cap_ver2 => bool;
    }
    /// Function active and power state, to management.
    pub(crate) FACTPS(u32) @ 0x0_5b30 {
        /// The clock of management is off.
        29:29 mngcg => bool;
    }
    /// Software semaphore.
    pub(crate) SWSM(u32) @ 0x0_5b50 {
        /// Set by reading: whoever reads zero owns it among drivers.
        0:0 smbi => bool;
        /// Sticks only while firmware does not own SW_FW_SYNC.
        1:1 swesmbi => bool;
    }
    /// Firmware semaphore.
    pub(crate) FWSM(u32) @ 0x0_5b54 {
        /// What firmware does, 0 without any.
        3:1 mode;
    }
    /// Which of software (bits 15:0) and firmware (31:16) owns what.
    pub(crate) SW_FW_SYNC(u32) @ 0x0_5b5c { 31:0 value; }
}
