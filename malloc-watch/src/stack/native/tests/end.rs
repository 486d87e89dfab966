//! Stacks that end where a scope was opened.

use core::hint::black_box;

use super::probe::{probe, validated};
use crate::stack::{StackEnd, StackId, frames};

#[inline(never)]
fn inner(depth: usize) -> StackId {
    if depth == 0 {
        return probe();
    }
    let id = inner(depth - 1);
    black_box(id) // not the last call
}

/// Frames between the end and what is called below it.
#[inline(never)]
fn ended(depth: usize) -> StackId {
    let anchor = black_box([0_u64; 4]);
    let end = StackEnd::at(&anchor);
    let mut found = [None; 2];
    for place in &mut found[..black_box(2)] {
        *place = Some(inner(black_box(depth))); // one call, which is found again
    }
    drop(end);
    black_box(anchor);
    assert_eq!(found[0], found[1]);
    found[1].expect("two turns")
}

#[test]
fn a_stack_with_an_end_is_the_inner_part_of_the_whole() {
    inner(black_box(0)); // the first probe of all may be another call than the later ones
    for depth in [0, 1, 2, 5, 30] {
        let whole = frames(inner(black_box(depth)));
        let part = frames(ended(depth));
        // `inner` as often, and the function that called it.
        assert_eq!(part.len(), depth + 2, "{part:x?} of {whole:x?}");
        assert_eq!(part[..=depth], whole[..=depth]);
        assert_eq!(frames(inner(black_box(depth))).len(), whole.len(), "again");
    }
}

#[test]
fn the_outermost_end_counts() {
    let anchor = black_box([0_u64; 4]);
    let end = StackEnd::at(&anchor);
    let within = ended(3);
    drop(end);
    let alone = ended(3);
    assert_eq!(frames(alone).len(), 5);
    assert_eq!(frames(within).len(), 6, "and this function");
    black_box(anchor);
}

#[test]
fn what_is_remembered_for_one_end_does_not_answer_for_another() {
    // The same registers and the same words below both ends: what calls `ended` differs.
    #[inline(never)]
    fn deeper(depth: usize) -> StackId {
        let anchor = black_box([0_u64; 4]);
        let end = StackEnd::at(&anchor);
        let result = ended(depth);
        drop(end);
        black_box(anchor);
        result
    }
    validated(|| {
        for _ in 0..3 {
            let short = ended(4);
            let long = deeper(4);
            assert_eq!(frames(short).len() + 1, frames(long).len());
        }
    });
}
