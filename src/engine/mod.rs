//! Carries policies out: plans, gates, executes, recovers.
