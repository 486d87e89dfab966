//! The memo by itself, with stacks that are made up: what it finds is what was kept for the same
//! words, and it finds all that was kept.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::collections::HashMap;

use malloc_sys::{memo, memo_registers, memo_word};
use proptest::collection::vec;
use proptest::prelude::*;

struct Memo(*mut memo);

impl Memo {
    fn empty() -> Self {
        // SAFETY: of some size.
        let memo = unsafe { alloc_zeroed(Layout::new::<memo>()) };
        assert!(!memo.is_null());
        Self(memo.cast()) // all zero is empty
    }

    fn find(&self, registers: &memo_registers) -> Option<u32> {
        // SAFETY: the memo, and registers that point to the stack everything was kept for.
        let found = unsafe { malloc_sys::interpose_memo_find(self.0, registers) };
        // SAFETY: nothing, or a result.
        unsafe { found.as_ref() }.map(|found| found.stack)
    }

    fn keep(&self, registers: &memo_registers, walk: &Walk, stack: u32) {
        // SAFETY: words of the stack.
        let kept = unsafe {
            malloc_sys::interpose_memo_keep(
                self.0,
                registers,
                walk.fp_used,
                walk.words.as_ptr(),
                walk.words.len(),
                stack,
            )
        };
        assert!(!kept.is_null());
    }
}

impl Drop for Memo {
    fn drop(&mut self) {
        // SAFETY: allocated so.
        unsafe { dealloc(self.0.cast(), Layout::new::<memo>()) };
    }
}

struct Walk {
    words: Vec<memo_word>,
    fp_used: bool,
}

/// What a word says decides where the next is read, as it is with frames: some are large, some are
/// found by the frame pointer, and some are the outermost.
fn walk(stack: &[usize], fp: usize) -> Walk {
    let mut found = Walk {
        words: Vec::new(),
        fp_used: false,
    };
    let mut place = 0;
    while let Some(&value) = stack.get(place) {
        found.words.push(memo_word {
            value,
            offset: place * size_of::<usize>(),
        });
        place += match value {
            0 => break,
            1 => {
                found.fp_used = true;
                1 + fp % 3
            }
            value => 1 + value % 2,
        };
    }
    found
}

proptest! {
    #[test]
    fn what_is_found_is_what_was_kept(
        stacks in vec((vec(0..5_usize, 12), 0..3_usize, 1..3_usize), 1..400),
    ) {
        let memo = Memo::empty();
        let mut stack = [0; 12]; // of which each is one state
        let mut expected: HashMap<(Vec<(usize, usize)>, usize), u32> = HashMap::new();
        for (words, fp, pc) in stacks.iter().chain(&stacks) {
            stack.copy_from_slice(words);
            let registers = memo_registers { pc: *pc, sp: stack.as_ptr().expose_provenance(), fp: *fp };
            let walk = walk(&stack, *fp);
            let path = walk.words.iter().map(|word| (word.offset, word.value)).collect();
            let next = u32::try_from(expected.len()).expect("few") + 1;
            let known = *expected.entry((path, *pc)).or_insert(next);
            if let Some(found) = memo.find(&registers) {
                prop_assert_eq!(found, known);
            } else {
                // Only what comes for the first time, or with another frame pointer.
                prop_assert!(known == next || walk.fp_used);
                memo.keep(&registers, &walk, known);
            }
            prop_assert_eq!(memo.find(&registers), Some(known));
        }
    }
}

/// More branches than their table takes: the memo starts again. Until then the table is so full that
/// those of the same result lie beside each other.
#[test]
fn a_full_memo_starts_again() {
    let memo = Memo::empty();
    let mut stack = [0; 4];
    for turn in 0..100_000_usize {
        for (place, word) in stack.iter_mut().enumerate() {
            *word = turn >> (5 * place) & 31;
        }
        let registers = memo_registers {
            pc: 1,
            sp: stack.as_ptr().expose_provenance(),
            fp: 0,
        };
        let words: Vec<_> = stack
            .iter()
            .zip(0..)
            .map(|(&value, place)| memo_word {
                value,
                offset: place * size_of::<usize>(),
            })
            .collect();
        let walk = Walk {
            words,
            fp_used: false,
        };
        let number = u32::try_from(turn).expect("not so many");
        if let Some(found) = memo.find(&registers) {
            assert_eq!(found, number);
        } else {
            memo.keep(&registers, &walk, number);
        }
        assert_eq!(memo.find(&registers), Some(number));
    }
}

/// A walk that read other places after the same words depended on something else besides: it is kept
/// by itself, and misleads nobody.
#[test]
fn a_result_that_is_not_of_the_tree_is_kept_beside_it() {
    let memo = Memo::empty();
    let stack = [5_usize, 6, 7, 8];
    let registers = memo_registers {
        pc: 1,
        sp: stack.as_ptr().expose_provenance(),
        fp: 0,
    };
    let walk = |places: &[usize]| Walk {
        words: places
            .iter()
            .map(|&place| memo_word {
                value: stack[place],
                offset: place * size_of::<usize>(),
            })
            .collect(),
        fp_used: false,
    };
    memo.keep(&registers, &walk(&[0, 1]), 1);
    memo.keep(&registers, &walk(&[0, 2, 3]), 2);
    assert_eq!(memo.find(&registers), Some(2), "the last that was found");
}
