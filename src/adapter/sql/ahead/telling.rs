//! What a worker says of its records while they go, and who listens.

use std::sync::mpsc::Sender;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::model::key::{Key, KeyList};

/// The records of one range, told as they come. Who listens may come late, and misses nothing.
#[derive(Debug, Default)]
pub(crate) struct Telling(Mutex<Told>);

#[derive(Debug)]
enum Told {
    /// This much, and nobody listens yet.
    Unheard(Vec<KeyList>),
    /// To somebody.
    To(Sender<KeyList>),
    /// All of it, and nobody listened.
    Whole(Vec<KeyList>),
    /// It matters to nobody.
    Over,
}

impl Default for Told {
    fn default() -> Self {
        Self::Unheard(Vec::new())
    }
}

/// So many records are told at once.
const TOLD: usize = 2_000;

/// The records of one range while they come: each is kept, and told with others.
pub(crate) struct Coming<'a> {
    telling: &'a Telling,
    untold: KeyList,
    all: Vec<Key>,
}

impl<'a> Coming<'a> {
    pub(crate) fn new(telling: &'a Telling) -> Self {
        Self { telling, untold: KeyList::with_capacity(TOLD), all: Vec::new() }
    }

    /// One more record.
    pub(crate) fn push(&mut self, key: Key) {
        self.untold.push(&key);
        self.all.push(key);
        if self.untold.len() == TOLD {
            self.telling.say(std::mem::replace(&mut self.untold, KeyList::with_capacity(TOLD)));
        }
    }

    /// How many came.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// There are no more.
    pub(crate) fn all(self) -> Vec<Key> {
        self.telling.say(self.untold);
        self.telling.end();
        self.all
    }
}

impl Telling {
    /// These records came next.
    pub(crate) fn say(&self, keys: KeyList) {
        match &mut *self.told() {
            Told::Unheard(lists) => lists.push(keys),
            // Whoever does not listen any more does not want to know.
            Told::To(listener) => drop(listener.send(keys)),
            Told::Whole(_) | Told::Over => {}
        }
    }

    /// There are no more.
    pub(crate) fn end(&self) {
        let mut told = self.told();
        *told = match std::mem::replace(&mut *told, Told::Over) {
            Told::Unheard(lists) | Told::Whole(lists) => Told::Whole(lists),
            Told::To(_) | Told::Over => Told::Over,
        };
    }

    /// From now on somebody listens, who is told first what was said already.
    pub(super) fn listen(&self, listener: Sender<KeyList>) {
        let mut told = self.told();
        let (lists, goes_on) = match std::mem::replace(&mut *told, Told::Over) {
            Told::Unheard(lists) => (lists, true),
            Told::Whole(lists) => (lists, false),
            Told::To(_) | Told::Over => return,
        };
        for list in lists {
            drop(listener.send(list));
        }
        if goes_on {
            *told = Told::To(listener);
        }
    }

    /// Whoever listens is told no more.
    pub(super) fn cut(&self) {
        *self.told() = Told::Over;
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
