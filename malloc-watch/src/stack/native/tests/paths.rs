//! Many paths to the same place: the memo has to tell apart what only a few words tell apart.

use core::hint::black_box;
use std::collections::{HashMap, HashSet};

use super::probe::{compared, on_a_bare_thread, probe, validated};
use crate::stack::native::modules_changed;
use crate::stack::{StackId, captures};

/// Functions of the same size that call each other as the path says, and so have their frames at
/// the same places.
#[inline(never)]
fn hop<const N: u8>(path: &[u8]) -> StackId {
    let stack = match path.split_first() {
        None => probe(),
        Some((&next, rest)) => HOPS[usize::from(next) % HOPS.len()](rest),
    };
    black_box(N);
    stack
}

/// The same with an aligned variable: the size of its frame depends on where the frame lies, and
/// the tables find its caller by the frame pointer.
#[inline(never)]
fn aligned_hop(path: &[u8]) -> StackId {
    #[repr(align(128))]
    struct Aligned([u8; 128]);
    let room = black_box(Aligned([0; 128]));
    let stack = match path.split_first() {
        None => probe(),
        Some((&next, rest)) => HOPS[usize::from(next) % HOPS.len()](rest),
    };
    black_box(room.0[0]);
    stack
}

type Hop = fn(&[u8]) -> StackId;
const HOPS: [Hop; 6] = [
    hop::<0>,
    hop::<1>,
    hop::<2>,
    hop::<3>,
    hop::<4>,
    aligned_hop,
];

/// A sequence that looks random, and is the same each time.
pub(super) struct Random(usize);

impl Random {
    pub(super) fn new(seed: usize) -> Self {
        Self(seed.wrapping_mul(2) + 1)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }
}

/// Takes the stacks of paths: the same path has the same stack, and no two paths have one.
pub(super) fn walk_paths(seed: usize, turns: usize) {
    let mut random = Random::new(seed);
    let mut paths: Vec<Vec<u8>> = Vec::new();
    for _ in 0..200 {
        // Half of them differ from an earlier one in one place alone.
        let path = match paths.len() {
            known if known > 0 && random.below(2) == 0 => {
                let mut path = paths[random.below(known)].clone();
                let place = random.below(path.len());
                path[place] = (path[place] + 1) % 6;
                path
            }
            _ => (0..=random.below(40))
                .map(|_| [0, 1, 2, 3, 4, 5][random.below(6)])
                .collect(),
        };
        paths.push(path);
    }
    let mut stack_of: HashMap<&[u8], StackId> = HashMap::new();
    let mut path_of: HashMap<StackId, &[u8]> = HashMap::new();
    for turn in 0..turns {
        // Some paths are walked far more often than others, and some turns in succession.
        let path = &paths[random.below(200) * random.below(200) / 200];
        for _ in 0..black_box(1 + turn % 3) {
            let stack = black_box(HOPS[0](path));
            assert_eq!(*stack_of.entry(path).or_insert(stack), stack, "{path:?}");
            assert_eq!(*path_of.entry(stack).or_insert(path), path, "{stack:?}");
        }
    }
}

#[test]
fn a_million_stacks_are_found_again_and_are_the_right_ones() {
    let found = validated(|| {
        let before = captures();
        let mut seed = 1;
        while captures() - before < 1_000_000 {
            walk_paths(seed, 20_000);
            seed += 1;
        }
        captures() - before
    });
    assert!(found >= 1_000_000);
}

#[test]
fn the_outermost_function_tells_stacks_apart() {
    for length in 1..16 {
        on_a_bare_thread(|| {
            let mut stacks = HashSet::new();
            for turn in 0..20 {
                let outermost = black_box([1, 2, 3, 4])[turn % 4];
                stacks.insert(HOPS[outermost](&vec![0; length]));
            }
            assert_eq!(stacks.len(), 4, "paths of length {length}");
        });
    }
}

#[test]
fn paths_without_validation_have_a_stack_each_too() {
    for seed in 100..105 {
        walk_paths(seed, 20_000);
    }
}

#[test]
fn stacks_of_paths_are_those_of_the_systems_unwinder() {
    compared(|| walk_paths(7, 1_000));
}

#[test]
fn changed_modules_make_the_memo_start_again() {
    compared(|| {
        for seed in 0..20 {
            walk_paths(seed, 20);
            modules_changed();
        }
    });
}

#[test]
fn threads_do_not_disturb_each_other() {
    validated(|| {
        std::thread::scope(|scope| {
            for seed in 200..208 {
                scope.spawn(move || walk_paths(seed, 10_000));
            }
        });
    });
}

#[test]
fn frames_that_a_panic_has_ended_are_not_found_again() {
    fn fall(path: &[u8], depth: usize) {
        black_box(HOPS[depth % 6](path));
        if depth > 0 {
            fall(path, depth - 1);
        } else {
            std::panic::resume_unwind(Box::new(()));
        }
    }
    compared(|| {
        for turn in 0..200 {
            let path = [1, 2, 3, 4, 5, 0, 1, 2];
            let path = &path[..turn % 8];
            assert!(std::panic::catch_unwind(|| fall(path, turn % 11)).is_err());
            black_box(HOPS[turn % 6](path));
        }
    });
}
