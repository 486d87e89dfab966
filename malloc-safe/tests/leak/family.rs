//! Every function of the allocation family, and functions of the C library that use it.

use crate::support::{found, free, is_active, malloc};
use malloc_safe::leak;

#[test]
fn malloc_is_seen() {
    if is_active() {
        let mut block = None;
        let report = leak::scope(|| block = Some(malloc(123)));
        assert_eq!(found(&report), (1, 123), "{report}");
        println!("{report}");
        // SAFETY: from malloc.
        unsafe { free(block.unwrap()) };
    }
}
