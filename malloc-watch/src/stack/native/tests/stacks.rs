use core::hint::black_box;

use super::probe::{compared, probe};
use crate::stack::{StackId, frames, resolve};

#[inline(never)]
fn recursion(depth: usize) -> StackId {
    if depth == 0 {
        return black_box(probe());
    }
    black_box(recursion(depth - 1))
}

#[test]
fn a_stack_is_what_the_systems_unwinder_finds() {
    compared(|| {
        for depth in [0, 1, 3, 10, 36, 100] {
            for _ in 0..3 {
                recursion(depth);
            }
        }
    });
}

#[test]
fn the_same_stack_has_the_same_number_and_another_has_another() {
    let mut stacks = Vec::new();
    // One call in the source, and no more in what is compiled of it.
    for &depth in black_box(&[3, 3, 4][..]) {
        stacks.push(recursion(depth));
    }
    assert_eq!(stacks[0], stacks[1]);
    assert_ne!(stacks[0], stacks[2]);
    assert_eq!(frames(stacks[0]).len() + 1, frames(stacks[2]).len());
}

#[test]
fn a_stack_is_named_from_the_function_outwards() {
    let names = resolve(recursion(2));
    // The probe is inlined, and so a frame of its own.
    let innermost: Vec<_> = names
        .iter()
        .map(|frame| &frame.function[..])
        .take(4)
        .collect();
    let expected = ["probe", "recursion", "recursion", "recursion"];
    for (name, expected) in innermost.iter().zip(expected) {
        assert!(name.ends_with(expected), "{innermost:?}");
    }
    assert!(
        names[1]
            .file
            .as_ref()
            .is_some_and(|file| file.ends_with("stacks.rs")),
        "{:?}",
        names[1]
    );
    assert!(names[1].line.is_some());
    // Without the C library's debug symbols the function that starts a thread has no name.
    let is_libc = |object: &String| object.contains("libc.so");
    let outermost = names.last().expect("in a thread");
    assert!(
        outermost.object.as_ref().is_some_and(is_libc),
        "{outermost:?}"
    );
}
