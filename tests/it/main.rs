//! Everything that needs the whole program: one binary, so that it links once.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod architecture;
mod cli;
mod companions;
mod counting;
mod crash;
mod daemon;
mod engine;
mod fixture;
mod mariadb;
mod needed;
mod notices;
mod policies;
mod postgres;
mod proof;
mod races;
mod roles;
