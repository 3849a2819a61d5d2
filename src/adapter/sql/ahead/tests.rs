use super::*;

/// Stands in for a connection: everything in its places goes.
#[derive(Default)]
struct Toy {
    open: bool,
}

impl Hand for Toy {
    type Question = ();

    fn strike(&mut self, places: &Places, (): &()) -> Result<Struck, StoreError> {
        assert!(!std::mem::replace(&mut self.open, true), "one transaction at a time");
        Ok(Struck { records: keys(places), spool: Vec::new() })
    }

    fn commit(&mut self, _: &BatchId) -> Result<(), StoreError> {
        self.open = false;
        Ok(())
    }

    fn roll_back(&mut self) -> Result<(), StoreError> {
        self.open = false;
        Ok(())
    }
}

fn keys(places: &Places) -> Vec<Key> {
    places.clone().map(|place| Key::from_int(i64::try_from(place).unwrap())).collect()
}

fn ahead(workers: usize, sharing: Sharing, places: u64) -> Ahead<()> {
    let size = Size { places, fullest: 1.0, records: places as f64, due: places };
    Ahead::new((0..workers).map(|_| Toy::default()).collect(), sharing, &size)
}

fn batch() -> BatchId {
    BatchId::at(crate::adapter::contract::suite::now())
}

#[test]
fn every_place_is_given_out_once_and_again_after_it_was_taken_back() {
    for sharing in [Sharing::InTurn, Sharing::Apart] {
        for (workers, places, want) in
            [(1, 1, 10), (1, 1_000, 7), (2, 1_000, 30), (3, 999, 100), (2, 50, 40), (4, 10_000, 99)]
        {
            let mut ahead = ahead(workers, sharing, places);
            let (mut gone, mut batches) = (Vec::new(), 0);
            while ahead.look(want, (), &HashSet::new()).unwrap() {
                batches += 1;
                let prepared = ahead.hand_over(batch());
                if batches % 5 == 0 {
                    prepared.abort().unwrap();
                } else {
                    gone.extend_from_slice(prepared.records());
                    prepared.commit().unwrap();
                }
            }
            gone.sort_unstable();
            let mut all = keys(&(0..places));
            all.sort_unstable();
            assert!(gone == all, "{sharing:?}, {workers} workers, {places} places, {want} wanted");
        }
    }
}

#[test]
fn those_who_work_apart_never_touch() {
    let mut ahead = ahead(3, Sharing::Apart, 5_000);
    while ahead.look(40, (), &HashSet::new()).unwrap() {
        let mut at_work: Vec<Places> = ahead.workers.iter().filter_map(|worker| worker.at.clone()).collect();
        at_work.extend(ahead.found.as_ref().map(|found| found.places.clone()));
        at_work.sort_unstable_by_key(|places| places.start);
        let touching = at_work.windows(2).find(|two| two[0].end >= two[1].start);
        assert_eq!(touching, None, "{at_work:?}");
        ahead.hand_over(batch()).commit().unwrap();
    }
}
