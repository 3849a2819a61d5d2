//! What stands in the way of what policies want, asked of one collection after the other.

use crate::adapter::api::{StoreError, Wanted};

/// For each of `wanted`: what `ask` finds, each thing once. A question without an answer stands in the way itself, unless
/// the connection is lost.
pub(crate) fn each(
    wanted: &[Wanted],
    is_open: impl Fn() -> bool,
    ask: impl Fn(&Wanted) -> Result<Vec<Result<(), StoreError>>, StoreError>,
) -> Result<Vec<Vec<StoreError>>, StoreError> {
    let of_one = |one| match ask(one) {
        Ok(answers) => {
            let mut missing: Vec<StoreError> = Vec::new();
            for error in answers.into_iter().filter_map(Result::err) {
                if !missing.iter().any(|known| known.why == error.why) {
                    missing.push(error);
                }
            }
            Ok(missing)
        }
        Err(error) if is_open() => Ok(vec![error]),
        Err(error) => Err(error),
    };
    wanted.iter().map(of_one).collect()
}
