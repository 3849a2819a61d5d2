//! Names and identifiers, each its own type, so that a store's name can never be given where a policy's is due.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps a text as it stands; whoever reads it from outside has checked it.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// A policy's path under the policies directory without `.toml`, with `/` between the parts.
    PolicyId
);
name!(
    /// The name under which `forfall.toml` registers a store.
    StoreName
);

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new identifier (UUID version 7, RFC 9562 section 5.7) that sorts by the time given.
            pub fn at(now: crate::time::Instant) -> Self {
                let seconds = u64::try_from(now.timestamp()).unwrap_or(0);
                let stamp = uuid::Timestamp::from_unix(uuid::NoContext, seconds, now.timestamp_subsec_nanos());
                Self(Uuid::new_v7(stamp))
            }

            /// The 16 bytes, most significant first.
            pub fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                Uuid::parse_str(text).map(Self)
            }
        }
    };
}

id!(
    /// One execution of one policy.
    RunId
);
id!(
    /// One unit of a run: what one intent and one outcome speak of.
    BatchId
);
id!(
    /// One hold.
    HoldId
);
id!(
    /// One review case.
    CaseId
);
