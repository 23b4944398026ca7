//! End-to-end helpers: what the tests of all levels share.

// What can run here.
pub mod cgroup;
pub mod containerd;
pub mod cri;
pub mod crio;
pub mod docker;
pub mod engine;
mod grpc;
pub mod journal;
pub mod level;
pub mod lxd;
pub mod nspawn;
pub mod podman;
pub mod relay;

// What the tests do.
pub mod call;
pub mod hijack;
pub mod rootfs;
pub mod scratch;
pub mod terminal;
pub mod tmux;
pub mod workload;

// What the tests see.
pub mod check;
pub mod command;
pub mod cpu;
pub mod live;
pub mod peer;
pub mod scap;
pub mod served;
pub mod session;
pub mod wait;
