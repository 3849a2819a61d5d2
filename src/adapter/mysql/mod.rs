//! MySQL and MariaDB. Not yet an adapter: so far there are sessions, the catalogue, values and keys, and no store is made of them.

#![expect(dead_code, reason = "no store is made of them yet")]

mod catalogue;
mod session;
mod trouble;
mod value;
