/work/main/mbox/target/debug/deps/mbox-ac0a8453e175bf30.d: src/lib.rs src/proto.rs src/limit.rs src/pf.rs src/pf_state.rs src/pf_to_vf.rs src/port.rs src/reason.rs src/server.rs src/time.rs src/types.rs src/vf.rs src/vf_to_pf.rs src/wire.rs src/sim.rs Cargo.toml

/work/main/mbox/target/debug/deps/libmbox-ac0a8453e175bf30.rmeta: src/lib.rs src/proto.rs src/limit.rs src/pf.rs src/pf_state.rs src/pf_to_vf.rs src/port.rs src/reason.rs src/server.rs src/time.rs src/types.rs src/vf.rs src/vf_to_pf.rs src/wire.rs src/sim.rs Cargo.toml

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
src/sim.rs:
Cargo.toml:

# env-dep:CLIPPY_ARGS=
# env-dep:CLIPPY_CONF_DIR
