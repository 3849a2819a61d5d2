//! When policies run. `due` decides, from persisted slots; `ticker` only wakes; `worker` carries out.

pub mod due;
pub mod ticker;
pub mod worker;
