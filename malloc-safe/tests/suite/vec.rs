mod oracle;

use crate::hostile::{Element, Nothing};
use proptest::prelude::*;

/// Pairs of bytes, as [`oracle::run`] reads them.
fn operations() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..200)
}

proptest! {
    #[test]
    fn bytes_agree_with_a_vectors_under_any_operations(operations in operations()) {
        oracle::run::<u8>(&operations);
    }

    #[test]
    fn elements_with_destructors_agree_with_a_vectors(operations in operations()) {
        oracle::run::<Element>(&operations);
    }

    #[test]
    fn elements_without_a_size_agree_with_a_vectors(operations in operations()) {
        oracle::run::<Nothing>(&operations);
    }
}
