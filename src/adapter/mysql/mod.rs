//! MySQL and MariaDB. Not yet an adapter: so far values and keys are read, and nothing opens a server.

#![cfg_attr(not(test), expect(dead_code, reason = "nothing opens a server yet"))]

mod value;
