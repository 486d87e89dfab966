//! Operations on a vector, read from bytes, with a `Vec` as the judge.
//!
//! The property tests and the fuzz target `vec_operations` drive it. Each pair of bytes is an
//! operation, how many allocations it is granted, and a number for it.

use crate::hostile::{Counting, Element, Nothing};
use core::cell::Cell;
use core::ffi::CStr;
use core::ops::Range;
use malloc_safe::{AllocError, CVec, Owned, out};

type Tested<T> = CVec<T, Counting>;

thread_local! {
    static MADE: Cell<usize> = const { Cell::new(0) };
}

/// Elements that are made from a byte and tell it.
pub(crate) trait Sample: Unpin + Clone {
    /// How many different elements there are.
    const VALUES: u16 = 256;

    fn make(value: u8) -> Self;
    fn value(&self) -> u8;

    /// Appends all of them, or none.
    fn append(vector: &mut Tested<Self>, values: &[u8]) -> Result<(), AllocError> {
        vector.try_reserve(values.len())?;
        for &value in values {
            vector.try_push(made(value)).map_err(|_| ()).expect("room");
        }
        Ok(())
    }

    /// Goes through a C string, where that is possible.
    fn through_c_str(vector: Tested<Self>) -> Tested<Self> {
        vector
    }
}

impl Sample for u8 {
    fn make(value: u8) -> Self {
        value
    }

    fn value(&self) -> u8 {
        *self
    }

    fn append(vector: &mut Tested<u8>, values: &[u8]) -> Result<(), AllocError> {
        vector.try_extend_from_slice(values)
    }

    fn through_c_str(vector: Tested<u8>) -> Tested<u8> {
        let nul = vector.iter().position(|&byte| byte == 0);
        let full = vector.len() == vector.capacity();
        match vector.try_into_c_str() {
            Ok(string) => {
                assert_eq!(nul, None);
                let string: Owned<CStr, Counting> = string;
                CVec::from(string.into_bytes())
            }
            Err(error) => {
                assert!(nul.is_some() || full, "there was room for a terminator");
                error.into_owner()
            }
        }
    }
}

impl Sample for Element {
    fn make(value: u8) -> Self {
        Element {
            value: value.into(),
            bomb: false,
        }
    }

    fn value(&self) -> u8 {
        self.value.try_into().expect("made of a byte")
    }
}

impl Sample for Nothing {
    const VALUES: u16 = 1;

    fn make(_: u8) -> Self {
        Nothing
    }

    fn value(&self) -> u8 {
        0
    }
}

fn made<T: Sample>(value: u8) -> T {
    MADE.set(MADE.get() + 1);
    T::make(value)
}

/// What an element made of this would tell.
fn told<T: Sample>(value: u8) -> u8 {
    if T::VALUES == 1 { 0 } else { value }
}

/// Runs the operations and panics where the vector and the judge differ.
pub(crate) fn run<T: Sample>(operations: &[u8]) {
    let made_before = MADE.get();
    let mut dropped = 0;
    let mut pair = Pair {
        vector: Tested::<T>::new_in(),
        judge: Vec::new(),
    };
    for operation in operations.chunks_exact(2) {
        let budget = match operation[0] >> 6 {
            0 => usize::MAX,
            granted => usize::from(granted) - 1,
        };
        dropped += Element::dropped_by(|| pair.apply(operation[0] % 64, operation[1], budget));
        pair.compare();
        if core::mem::needs_drop::<T>() {
            let live = MADE.get() - made_before - dropped;
            assert_eq!(live, pair.judge.len(), "each element is dropped once");
        }
    }
    dropped += Element::dropped_by(|| drop(pair.vector));
    assert_eq!(Counting::live(), 0);
    if core::mem::needs_drop::<T>() {
        assert_eq!(dropped, MADE.get() - made_before);
    }
}

struct Pair<T: Sample> {
    vector: Tested<T>,
    judge: Vec<u8>,
}

impl<T: Sample> Pair<T> {
    fn compare(&self) {
        let values: Vec<u8> = self.vector.iter().map(T::value).collect();
        assert_eq!(values, self.judge);
        assert!(self.vector.len() <= self.vector.capacity());
        assert_eq!(
            Counting::live(),
            usize::from(self.vector.capacity() > 0),
            "a block if there is room, and no other"
        );
    }

    fn apply(&mut self, operation: u8, number: u8, budget: usize) {
        match operation % 33 {
            0..8 => self.apply_to_one(operation % 8, number, budget),
            8..12 => self.apply_to_room(operation % 4, number.into(), budget),
            12..16 => {
                let few = usize::from(number % 40);
                let values: Vec<u8> = (number..=u8::MAX).chain(0..number).take(few).collect();
                self.apply_to_several(operation % 4, &values, budget);
            }
            16..20 => self.apply_to_owner(operation % 4, number, budget),
            20 => self.lend(number, budget),
            21..26 => self.apply_to_some(operation % 33 - 21, number),
            26..30 => self.apply_between(operation % 33 - 26, number, budget),
            _ => self.apply_copies(operation % 33 - 30, number, budget),
        }
    }

    fn apply_to_one(&mut self, operation: u8, number: u8, budget: usize) {
        let vector = &mut self.vector;
        match operation {
            0..4 => {
                let room = spare(vector);
                match Counting::with_budget(budget, || vector.try_push(made(number))) {
                    Ok(()) => self.judge.push(told::<T>(number)),
                    Err(error) => {
                        assert_eq!(error.into_value().value(), told::<T>(number));
                        assert!(room == 0 && budget == 0);
                    }
                }
            }
            4 => assert_eq!(vector.pop().map(|e| e.value()), self.judge.pop()),
            5 => {
                vector.truncate(number.into());
                self.judge.truncate(number.into());
            }
            6 => {
                vector.clear();
                self.judge.clear();
            }
            _ => {
                vector.reverse();
                self.judge.reverse();
            }
        }
    }

    fn apply_to_room(&mut self, operation: u8, n: usize, budget: usize) {
        let vector = &mut self.vector;
        let room = spare(vector);
        Counting::with_budget(budget, || match operation {
            0 => match vector.try_reserve(n) {
                Ok(()) => assert!(spare(vector) >= n),
                Err(_) => assert!(room < n && budget == 0),
            },
            1 => match vector.try_reserve_exact(n) {
                Ok(()) => assert!(spare(vector) == n.max(room)),
                Err(_) => assert!(room < n && budget == 0),
            },
            2 => match vector.try_shrink_to_fit() {
                Ok(()) => assert_eq!(spare(vector), 0),
                Err(_) => assert!(room > 0 && budget == 0),
            },
            _ => {
                let too_many = usize::MAX - n;
                if vector.try_reserve(too_many).is_ok() {
                    assert!(size_of::<T>() == 0 && spare(vector) >= too_many);
                }
            }
        });
    }

    fn apply_to_several(&mut self, operation: u8, values: &[u8], budget: usize) {
        match operation {
            0 => self.extend(values, budget, values.iter().copied()),
            1 => {
                let mut left = values.iter().copied();
                self.extend(values, budget, core::iter::from_fn(|| left.next()));
            }
            2 => {
                let room = spare(&self.vector);
                match Counting::with_budget(budget, || T::append(&mut self.vector, values)) {
                    Ok(()) => self.judge.extend(values.iter().copied().map(told::<T>)),
                    Err(_) => assert!(room < values.len() && budget == 0),
                }
            }
            _ => {
                let elements = values.iter().map(|&value| made(value));
                if let Ok(collected) =
                    Counting::with_budget(budget, || Tested::try_from_iter_in(elements))
                {
                    self.vector = collected;
                    self.judge = values.iter().copied().map(told::<T>).collect();
                } else {
                    assert_eq!(budget, 0);
                }
            }
        }
    }

    /// Takes elements out of the middle.
    fn apply_to_some(&mut self, operation: u8, number: u8) {
        let (vector, judge) = (&mut self.vector, &mut self.judge);
        let range = within(number, judge.len());
        match operation {
            0 => {
                vector.retain(|element| element.value() & number == 0);
                judge.retain(|value| value & number == 0);
            }
            1 => {
                vector.dedup_by_key(|element| element.value() / 4);
                judge.dedup_by_key(|value| *value / 4);
            }
            2 => {
                let mut drained = vector.drain(range.clone());
                let mut judged = judge.drain(range);
                for _ in 0..number % 4 {
                    assert_eq!(drained.next().map(|e| e.value()), judged.next());
                    assert_eq!(drained.next_back().map(|e| e.value()), judged.next_back());
                }
                let rest: Vec<u8> = drained.as_slice().iter().map(T::value).collect();
                assert_eq!(rest, judged.as_slice());
                assert_eq!(drained.len(), judged.len());
            }
            _ if judge.is_empty() => {}
            3 => {
                let index = usize::from(number) % judge.len();
                assert_eq!(vector.remove(index).value(), judge.remove(index));
            }
            _ => {
                let index = usize::from(number) % judge.len();
                assert_eq!(vector.swap_remove(index).value(), judge.swap_remove(index));
            }
        }
    }

    /// Puts elements into the middle, and moves them between vectors; all or none of them.
    fn apply_between(&mut self, operation: u8, number: u8, budget: usize) {
        let (vector, judge) = (&mut self.vector, &mut self.judge);
        let range = within(number, judge.len());
        let few: Vec<u8> = (0..number % 12).collect();
        let mut other = Tested::try_from_iter_in(few.iter().copied().map(made)).expect("memory");
        let few: Vec<u8> = few.into_iter().map(told::<T>).collect();
        Counting::with_budget(budget, || match operation {
            0 => match vector.try_insert(range.start, made(number)) {
                Ok(()) => judge.insert(range.start, told::<T>(number)),
                Err(error) => {
                    assert_eq!(error.into_value().value(), told::<T>(number));
                    assert_eq!(budget, 0);
                }
            },
            1 => match vector.try_append(&mut other) {
                Ok(()) => {
                    judge.extend(few);
                    assert!(other.is_empty());
                }
                Err(_) => assert!(budget == 0 && other.len() == few.len()),
            },
            2 => match vector.try_split_off(range.start) {
                Ok(tail) => {
                    let tail: Vec<u8> = tail.iter().map(T::value).collect();
                    assert_eq!(tail, judge.split_off(range.start));
                }
                Err(_) => assert_eq!(budget, 0),
            },
            _ => match vector.try_splice(range.clone(), &mut other) {
                Ok(removed) => {
                    let removed: Vec<u8> = removed.iter().map(T::value).collect();
                    assert_eq!(removed, judge.splice(range, few).collect::<Vec<u8>>());
                    assert!(other.is_empty());
                }
                // It asks twice: for what it takes out, and for what it puts in.
                Err(_) => assert!(budget < 2 && other.len() == few.len()),
            },
        });
    }

    /// Copies elements; all, or none of them.
    fn apply_copies(&mut self, operation: u8, number: u8, budget: usize) {
        let (vector, judge) = (&mut self.vector, &mut self.judge);
        let before = judge.len();
        let range = within(number, before);
        let len = usize::from(number % 40);
        let (room, wanted) = match operation {
            0 => (spare(vector), len.saturating_sub(before)),
            1 => (spare(vector), range.len()),
            _ => (0, before), // a copy of the whole has a block of its own
        };
        let outcome = Counting::with_budget(budget, || match operation {
            0 => {
                let value = made(number);
                let resized = vector.try_resize(len, value);
                resized.map(|()| judge.resize(len, told::<T>(number)))
            }
            1 => {
                let extended = vector.try_extend_from_within(range.clone());
                extended.map(|()| judge.extend_from_within(range))
            }
            _ => vector.try_clone().map(|copy| {
                let values: Vec<u8> = copy.iter().map(T::value).collect();
                assert_eq!(values, *judge);
            }),
        });
        match outcome {
            Ok(()) => MADE.set(MADE.get() + wanted),
            Err(_) => assert!(budget == 0 && room < wanted),
        }
    }

    fn apply_to_owner(&mut self, operation: u8, number: u8, budget: usize) {
        let vector = core::mem::take(&mut self.vector);
        self.vector = match operation {
            0 => {
                let (ptr, len, capacity) = vector.into_raw_parts();
                assert_eq!(ptr.is_null(), capacity == 0);
                // SAFETY: what into_raw_parts gave, once.
                unsafe { CVec::from_raw_parts(ptr, len, capacity) }.expect("they fit")
            }
            1 => {
                let slice = vector.into_owned_slice();
                assert_eq!(slice.len(), self.judge.len());
                slice.into()
            }
            2 => {
                let mut elements = vector.into_iter();
                let mut judge = core::mem::take(&mut self.judge).into_iter();
                for _ in 0..number % 16 {
                    assert_eq!(elements.next().map(|e| e.value()), judge.next());
                }
                for _ in 0..number / 16 {
                    assert_eq!(elements.next_back().map(|e| e.value()), judge.next_back());
                }
                let rest: Vec<u8> = elements.as_slice().iter().map(T::value).collect();
                assert_eq!(rest, judge.as_slice());
                CVec::new_in()
            }
            _ => Counting::with_budget(budget, || T::through_c_str(vector)),
        };
        if self.vector.is_empty() {
            // An owner of nothing may have a block, which the vector has no capacity for.
            self.vector.try_shrink_to_fit().expect("frees");
        }
    }

    /// To a function that fills what it is lent with so many elements, growing it as it goes.
    fn lend(&mut self, number: u8, budget: usize) {
        let fill = |block: *mut *mut T, capacity: *mut usize| {
            // SAFETY: both places are valid and read here ...
            let ptr = unsafe { block.read() };
            // SAFETY: as above.
            let room = unsafe { capacity.read() };
            // SAFETY: the vector's block, and the room in it.
            let mut lent = unsafe { Tested::from_raw_parts(ptr, 0, room) }.expect("they fit");
            let filled = lent.try_extend((0..number % 40).map(made)).is_ok();
            if !filled {
                lent.clear();
            }
            let (ptr, len, room) = lent.into_raw_parts();
            // SAFETY: ... and written here.
            unsafe { block.write(ptr) };
            // SAFETY: as above.
            unsafe { capacity.write(room) };
            (filled, len)
        };
        let filled = Counting::with_budget(budget, || {
            // SAFETY: the function leaves a vector's parts.
            unsafe { out::in_out(&mut self.vector, fill) }.expect("they fit")
        });
        self.judge.clear();
        if filled {
            self.judge.extend((0..number % 40).map(told::<T>));
        } else {
            assert!(budget < 3, "that many allocations are enough");
        }
    }

    fn extend(&mut self, values: &[u8], budget: usize, iterator: impl Iterator<Item = u8>) {
        let before = self.judge.len();
        let room = spare(&self.vector);
        let result = Counting::with_budget(budget, || self.vector.try_extend(iterator.map(made)));
        let appended = self.vector.len() - before;
        self.judge
            .extend(values[..appended].iter().copied().map(told::<T>));
        match result {
            Ok(()) => assert_eq!(appended, values.len()),
            Err(error) => {
                assert!(room < values.len());
                match error.into_value() {
                    // The element in hand is the one that would have come next.
                    Some(element) => assert_eq!(element.value(), told::<T>(values[appended])),
                    None => assert_eq!(appended, 0),
                }
            }
        }
    }
}

/// A range of so many elements, from a number.
fn within(number: u8, len: usize) -> Range<usize> {
    let start = usize::from(number / 8) % (len + 1);
    start..start + usize::from(number % 8).min(len - start)
}

fn spare<T: Sample>(vector: &Tested<T>) -> usize {
    vector.capacity() - vector.len()
}
