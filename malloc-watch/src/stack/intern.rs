//! A number for every stack: the same return addresses always have the same one.
//!
//! Append-only and lock-free, so that a fork in the middle of an insertion leaves nothing held,
//! and backed by pages of its own, as it is used inside `malloc`.

use core::num::NonZeroU32;
use core::ptr::{self, NonNull};
use core::slice;
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, Ordering, fence};

use crate::pages;

/// A stack, by the place of its record: the number of its first unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct StackId(NonZeroU32);

impl StackId {
    /// Every identifier is below.
    pub(crate) const END: u32 = UNITS;

    /// The stack without frames: what is left when there is no room for another record.
    const UNKNOWN: StackId = StackId(NonZeroU32::new(UNITS - 1).unwrap());

    /// The identifier as a number, for [`from_u32`](Self::from_u32).
    pub(crate) fn get(self) -> u32 {
        self.0.get()
    }

    /// The identifier that [`get`](Self::get) made a number of.
    ///
    /// # Safety
    ///
    /// `number` is from `get`.
    pub(crate) unsafe fn from_u32(number: u32) -> Self {
        // SAFETY: `get` gives no zero.
        Self(unsafe { NonZeroU32::new_unchecked(number) })
    }
}

/// What records are measured in. The header and six frames fill one.
#[repr(C, align(64))]
struct Unit([u8; 64]);

/// All records together: 256 MiB.
const UNITS: u32 = 1 << 22;
/// Mapped at a time: 1 MiB.
const CHUNK: u32 = 1 << 14;

/// Before the frames of a stack. Does not change once a bucket leads to it.
#[repr(C)]
struct Record {
    hash: u32,
    /// The next record of the bucket, or 0.
    next: u32,
    length: usize,
}

static CHUNKS: [AtomicPtr<Unit>; (UNITS / CHUNK) as usize] =
    [const { AtomicPtr::new(ptr::null_mut()) }; (UNITS / CHUNK) as usize];
/// The first unit that no record has. Unit 0 has none, as 0 is no identifier.
static USED: AtomicU32 = AtomicU32::new(1);
/// The first record of each, or 0.
static BUCKETS: [AtomicU32; 1 << 18] = [const { AtomicU32::new(0) }; 1 << 18];

/// Whether there was no room for a stack, ever.
static FULL: AtomicBool = AtomicBool::new(false);

/// Whether some stacks are without frames, for want of room.
pub(crate) fn is_full() -> bool {
    FULL.load(Ordering::Relaxed)
}

/// The first number that no stack has yet: those to come have larger ones.
pub(crate) fn next_number() -> u32 {
    USED.load(Ordering::Relaxed)
}

/// The return addresses of a stack, innermost first.
pub(crate) fn frames(id: StackId) -> &'static [usize] {
    if id == StackId::UNKNOWN {
        return &[];
    }
    record(id.0).1
}

/// The identifier of these return addresses.
pub(super) fn intern(frames: &[usize]) -> StackId {
    let hash = hash(frames);
    let bucket = &BUCKETS[hash as usize % BUCKETS.len()];
    let mut head = bucket.load(Ordering::Acquire);
    if let Some(id) = search(head, 0, hash, frames) {
        return id;
    }
    let Some((unit, new)) = allocate(frames) else {
        FULL.store(true, Ordering::Relaxed);
        return StackId::UNKNOWN;
    };
    loop {
        let record = Record {
            hash,
            next: head,
            length: frames.len(),
        };
        // SAFETY: the record is this call's until a bucket leads to it.
        unsafe { new.write(record) };
        match bucket.compare_exchange(head, unit.get(), Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => {
                // Whoever sees the identifier, however it was handed over, sees the record.
                fence(Ordering::SeqCst);
                return StackId(unit);
            }
            Err(newer) => {
                // The record above is wasted if another thread was quicker with the same stack.
                if let Some(id) = search(newer, head, hash, frames) {
                    return id;
                }
                head = newer;
            }
        }
    }
}

/// Looks through a bucket's records from `unit` up to `end`.
fn search(mut unit: u32, end: u32, hash: u32, frames: &[usize]) -> Option<StackId> {
    while unit != end {
        let id = NonZeroU32::new(unit)?;
        let (record, found) = record(id);
        if record.hash == hash && found == frames {
            return Some(StackId(id));
        }
        unit = record.next;
    }
    None
}

/// The record at a unit that a bucket or another record leads to.
fn record(unit: NonZeroU32) -> (&'static Record, &'static [usize]) {
    let chunk = CHUNKS[(unit.get() / CHUNK) as usize].load(Ordering::Acquire);
    let offset = (unit.get() % CHUNK) as usize;
    // SAFETY: the record was made in this chunk, which is mapped since and for good.
    let record: *const Record = unsafe { chunk.add(offset) }.cast();
    // SAFETY: a record, written before its unit became known, and not since.
    let header = unsafe { &*record };
    // SAFETY: its frames follow the header in the same chunk.
    let first = unsafe { record.add(1) }.cast();
    // SAFETY: so many were written, before the unit became known.
    let frames = unsafe { slice::from_raw_parts(first, header.length) };
    (header, frames)
}

/// Room for a record, with the frames already in it.
fn allocate(frames: &[usize]) -> Option<(NonZeroU32, NonNull<Record>)> {
    let size = size_of::<Record>() + size_of_val(frames);
    let units = u32::try_from(size.div_ceil(size_of::<Unit>())).ok()?;
    if units > CHUNK {
        return None;
    }
    let mut used = USED.load(Ordering::Relaxed);
    let unit = loop {
        // A record does not straddle two chunks.
        let start = if used % CHUNK + units > CHUNK {
            used.next_multiple_of(CHUNK)
        } else {
            used
        };
        if start + units >= UNITS {
            return None; // the last unit is UNKNOWN's
        }
        match USED.compare_exchange_weak(used, start + units, Ordering::Relaxed, Ordering::Relaxed)
        {
            Ok(_) => break start,
            Err(now) => used = now,
        }
    };
    let chunk = chunk(&CHUNKS[(unit / CHUNK) as usize])?;
    // SAFETY: inside the chunk, by the loop above.
    let record = unsafe { chunk.add((unit % CHUNK) as usize) }.cast::<Record>();
    // SAFETY: the frames' place, inside the same chunk.
    let first = unsafe { record.add(1) }.cast::<usize>().as_ptr();
    // SAFETY: `units` are enough for the header and the frames, and nobody else was given them.
    unsafe { first.copy_from_nonoverlapping(frames.as_ptr(), frames.len()) };
    Some((NonZeroU32::new(unit)?, record))
}

/// The chunk, mapped if it is not yet.
fn chunk(place: &AtomicPtr<Unit>) -> Option<NonNull<Unit>> {
    if let Some(chunk) = NonNull::new(place.load(Ordering::Acquire)) {
        return Some(chunk);
    }
    let size = CHUNK as usize * size_of::<Unit>();
    let new = pages::map(size)?.cast::<Unit>();
    match place.compare_exchange(
        ptr::null_mut(),
        new.as_ptr(),
        Ordering::AcqRel,
        Ordering::Acquire,
    ) {
        Ok(_) => Some(new),
        Err(theirs) => {
            // SAFETY: mapped above with this size, and nobody has seen it.
            unsafe { pages::unmap(new.cast(), size) };
            NonNull::new(theirs)
        }
    }
}

fn hash(frames: &[usize]) -> u32 {
    let mixed = frames.iter().fold(frames.len() as u64, |hash, &frame| {
        (hash.rotate_left(5) ^ frame as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
    });
    (mixed >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::{CHUNK, StackId, Unit, frames, intern};
    use std::collections::HashSet;
    use std::thread;

    /// No real stacks: their addresses are no code's.
    fn stacks(of: usize) -> impl Iterator<Item = Vec<usize>> {
        (0..5_000).map(move |stack| {
            (0..stack % 70)
                .map(|frame| of + stack * 100 + frame)
                .collect()
        })
    }

    #[test]
    fn threads_that_intern_the_same_stacks_get_the_same_numbers() {
        let numbers = thread::scope(|scope| {
            let intern_all = || {
                stacks(1 << 20)
                    .map(|stack| intern(&stack))
                    .collect::<Vec<_>>()
            };
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(intern_all)).collect();
            let all = threads
                .into_iter()
                .map(|thread| thread.join().expect("no panic"));
            all.collect::<Vec<_>>()
        });
        assert!(numbers.iter().all(|theirs| *theirs == numbers[0]));
        for (stack, &id) in stacks(1 << 20).zip(&numbers[0]) {
            assert_eq!(frames(id), stack);
            assert!(id.get() < StackId::END);
        }
        // Those without frames are one.
        assert_eq!(
            numbers[0].iter().collect::<HashSet<_>>().len(),
            5_000 - 5_000_usize.div_ceil(70) + 1
        );
    }

    #[test]
    fn a_stack_that_fits_nowhere_is_the_unknown_one() {
        let too_many = CHUNK as usize * size_of::<Unit>() / size_of::<usize>();
        let id = intern(&std::vec![1; too_many]);
        assert_eq!(id, StackId::UNKNOWN);
        assert!(frames(id).is_empty());
    }
}
