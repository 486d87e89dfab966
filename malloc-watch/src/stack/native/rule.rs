//! How to get from a function to its caller, in a word.

/// How a function's caller is found, for one return address in the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// The tables say nothing about it.
    Uncovered,
    /// It has no caller: the first function of a thread.
    Outermost,
    /// Only reading the tables each time can say.
    Evaluated,
    /// The caller's stack pointer is `cfa` above a register; what was saved lies relative to it.
    Saved {
        base: Base,
        cfa: Words,
        return_address: Words,
        frame_pointer: Frame,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Base {
    StackPointer,
    FramePointer,
}

/// Where the caller's frame pointer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// Still in the register.
    Same,
    Lost,
    /// Saved, so far from the caller's stack pointer.
    At(Words),
}

/// A distance on the stack, in words: of a frame of less than 2 MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Words(i32);

impl Words {
    const BITS: u32 = 19;

    pub(super) fn of_bytes(bytes: i64) -> Option<Self> {
        let words = i32::try_from(bytes / 8).ok()?;
        let fits = bytes % 8 == 0
            && words << (i32::BITS - Self::BITS) >> (i32::BITS - Self::BITS) == words;
        fits.then_some(Self(words))
    }

    /// The distance from an address. What wraps around is not on the stack.
    #[inline]
    pub(super) fn from(self, address: usize) -> usize {
        address.wrapping_add_signed(8 * self.0 as isize)
    }

    fn pack(self) -> u64 {
        u64::from(self.0.cast_unsigned()) & ((1 << Self::BITS) - 1)
    }

    #[inline]
    fn unpack(low: u64) -> Self {
        let sign = u32::BITS - Self::BITS;
        Self((((low & 0xffff_ffff) as u32) << sign).cast_signed() >> sign)
    }
}

impl Rule {
    /// The rule as a number.
    pub(super) fn pack(self) -> u64 {
        match self {
            Self::Uncovered => 0,
            Self::Outermost => 1,
            Self::Evaluated => 2,
            Self::Saved {
                base,
                cfa,
                return_address,
                frame_pointer,
            } => {
                let base = u64::from(base == Base::FramePointer);
                let (kind, frame_pointer) = match frame_pointer {
                    Frame::Same => (0, Words(0)),
                    Frame::Lost => (1, Words(0)),
                    Frame::At(distance) => (2, distance),
                };
                3 | base << 2
                    | kind << 3
                    | cfa.pack() << 5
                    | return_address.pack() << (5 + Words::BITS)
                    | frame_pointer.pack() << (5 + 2 * Words::BITS)
            }
        }
    }

    /// The rule that [`pack`](Self::pack) made a number of.
    #[inline]
    pub(super) fn unpack(number: u64) -> Self {
        match number & 3 {
            0 => Self::Uncovered,
            1 => Self::Outermost,
            2 => Self::Evaluated,
            _ => Self::Saved {
                base: match number >> 2 & 1 {
                    0 => Base::StackPointer,
                    _ => Base::FramePointer,
                },
                cfa: Words::unpack(number >> 5),
                return_address: Words::unpack(number >> (5 + Words::BITS)),
                frame_pointer: match number >> 3 & 3 {
                    0 => Frame::Same,
                    1 => Frame::Lost,
                    _ => Frame::At(Words::unpack(number >> (5 + 2 * Words::BITS))),
                },
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Base, Frame, Rule, Words};

    #[test]
    fn every_rule_is_the_same_after_packing() {
        let distances: Vec<_> = [-(1 << 21), -16, -8, 0, 8, 4096, (1 << 21) - 8]
            .map(|bytes| Words::of_bytes(bytes).expect("a distance that fits"))
            .into();
        let mut rules = vec![Rule::Uncovered, Rule::Outermost, Rule::Evaluated];
        for &cfa in &distances {
            for &return_address in &distances {
                let at = distances.iter().map(|&distance| Frame::At(distance));
                for frame_pointer in [Frame::Same, Frame::Lost].into_iter().chain(at) {
                    for base in [Base::StackPointer, Base::FramePointer] {
                        rules.push(Rule::Saved {
                            base,
                            cfa,
                            return_address,
                            frame_pointer,
                        });
                    }
                }
            }
        }
        for rule in rules {
            assert_eq!(Rule::unpack(rule.pack()), rule);
        }
    }

    #[test]
    fn distances_that_do_not_fit_are_refused() {
        for bytes in [1 << 21, -(1 << 21) - 8, 4, -1, i64::MAX, i64::MIN] {
            assert_eq!(Words::of_bytes(bytes), None, "{bytes}");
        }
    }
}
