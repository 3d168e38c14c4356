/work/main/mbox/target/debug/deps/mbox-2341586856650717.d: src/lib.rs src/proto.rs src/limit.rs src/pf.rs src/pf_state.rs src/pf_to_vf.rs src/port.rs src/reason.rs src/server.rs src/time.rs src/types.rs src/vf.rs src/vf_to_pf.rs src/wire.rs Cargo.toml

/work/main/mbox/target/debug/deps/libmbox-2341586856650717.rmeta: src/lib.rs src/proto.rs src/limit.rs src/pf.rs src/pf_state.rs src/pf_to_vf.rs src/port.rs src/reason.rs src/server.rs src/time.rs src/types.rs src/vf.rs src/vf_to_pf.rs src/wire.rs Cargo.toml

src/lib.rs:
src/proto.rs:
src/limit.rs:
src/pf.rs:
src/pf_state.rs:
src/pf_to_vf.rs:
src/port.rs:
src/reason.rs:
src/server.rs:
src/time.rs:
src/types.rs:
src/vf.rs:
src/vf_to_pf.rs:
src/wire.rs:
Cargo.toml:

# env-dep:CLIPPY_ARGS=
# env-dep:CLIPPY_CONF_DIR
