//! What the kernel side and the user side share.
//!
//! Both sides compile these modules, so a record that one writes is a record that the other reads, and an event is
//! declared once, in [`events`]. The kernel side uses numbers only ([`plan`], [`config`], [`counters`], [`wire`]); names
//! and texts are for user space, since pointers inside the read-only data of a BPF object are not relocated.

#![no_std]

// The record and what stands in it.
pub mod kind;
pub mod wire;

// The one table.
pub mod arch;
pub mod events;
pub mod flags;

// What user space tells the kernel side, and what it tells back.
pub mod config;
pub mod connection;
pub mod counters;
pub mod follow;
pub mod group;
pub mod plan;
pub mod predicate;
