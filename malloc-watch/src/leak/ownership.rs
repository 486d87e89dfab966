//! Which of the blocks that were left behind belong to another of them.
//!
//! One forgotten object is often a hundred blocks: it holds pointers to its parts. Whatever a lost block
//! points to is lost with it, and goes with the fix of that one, as LeakSanitizer's *indirect* leaks do.

use crate::hooks::Block;

/// More blocks than these are not sorted: the report says so.
const MOST_BLOCKS: usize = 1 << 20;

/// Bytes of a block that are read for pointers; and of all together.
const MOST_BYTES: u64 = 1 << 26;

/// For each of the blocks, in their order, the one that it belongs to, directly or by way of others;
/// itself if nobody points to it, or if it is the largest of a circle that nobody points to. `None` if
/// there are too many.
pub(super) fn owners(blocks: &[Block]) -> Option<Vec<usize>> {
    if blocks.len() > MOST_BLOCKS {
        return None;
    }
    // By address.
    let mut order: Vec<usize> = (0..blocks.len()).collect();
    order.sort_unstable_by_key(|&block| blocks[block].address);
    let holder = |address: usize| {
        let after = order.partition_point(|&block| blocks[block].address <= address);
        let block = order[after.checked_sub(1)?];
        let inside = address - blocks[block].address;
        // A pointer to a block of no bytes is one to its start.
        (inside as u64 <= blocks[block].size.saturating_sub(1)).then_some(block)
    };
    let mut left = MOST_BYTES;
    let mut parts: Vec<Vec<usize>> = vec![Vec::new(); blocks.len()];
    for (block, part_list) in parts.iter_mut().enumerate() {
        let wanted = blocks[block].size.min(left);
        left -= wanted;
        for word in words(blocks[block].address, usize::try_from(wanted).ok()?) {
            part_list.extend(holder(word).filter(|&part| part != block));
        }
    }
    // Whatever is reached from the last of them that nothing else has reached belongs to that: in this
    // order, the first of a circle that nobody points to comes before all that the circle points to.
    let mut owners: Vec<Option<usize>> = vec![None; blocks.len()];
    for &root in &last_finished_first(blocks, &parts) {
        let mut reached = vec![root];
        while let Some(block) = reached.pop() {
            if owners[block].is_none() {
                owners[block] = Some(root);
                reached.extend(&parts[block]);
            }
        }
    }
    owners.into_iter().collect()
}

/// The blocks in the order in which a search in depth is done with them, the last first. It begins with
/// the largest blocks, so that of a circle the largest comes first.
fn last_finished_first(blocks: &[Block], parts: &[Vec<usize>]) -> Vec<usize> {
    let mut starts: Vec<usize> = (0..blocks.len()).collect();
    starts.sort_by_key(|&block| core::cmp::Reverse(blocks[block].size));
    let mut is_known = vec![false; blocks.len()];
    let mut finished = Vec::with_capacity(blocks.len());
    for start in starts {
        // A block, and how many of its parts have been followed.
        let mut path = vec![(start, 0)];
        while let Some((block, followed)) = path.last_mut() {
            let block = *block;
            if *followed == 0 && core::mem::replace(&mut is_known[block], true) {
                path.pop();
                continue;
            }
            if let Some(&part) = parts[block].get(*followed) {
                *followed += 1;
                if !is_known[part] {
                    path.push((part, 0));
                }
            } else {
                finished.push(block);
                path.pop();
            }
        }
    }
    finished.reverse();
    finished
}

/// The words in memory that may be freed, or even unmapped, by another thread meanwhile: the kernel copies
/// what is there. None where it cannot.
#[cfg(target_os = "linux")]
fn words(address: usize, length: usize) -> Vec<usize> {
    let mut words = vec![0_usize; length / size_of::<usize>()];
    let local = libc::iovec {
        iov_base: words.as_mut_ptr().cast(),
        iov_len: size_of_val(&words[..]),
    };
    let remote = libc::iovec {
        iov_base: core::ptr::with_exposed_provenance_mut(address),
        iov_len: local.iov_len,
    };
    // SAFETY: the first describes room of the vector's own; the second is only read, by the kernel, which
    // answers with an error where there is nothing.
    let read = unsafe {
        libc::process_vm_readv(
            std::process::id().cast_signed(),
            &raw const local,
            1,
            &raw const remote,
            1,
            0,
        )
    };
    words.truncate(usize::try_from(read).unwrap_or(0) / size_of::<usize>());
    words
}

#[cfg(not(target_os = "linux"))]
fn words(_address: usize, _length: usize) -> Vec<usize> {
    Vec::new()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::{Block, owners};

    fn block(words: &[usize]) -> Block {
        Block {
            address: words.as_ptr().expose_provenance(),
            size: size_of_val(words) as u64,
        }
    }

    #[test]
    fn what_a_block_points_to_belongs_to_it() {
        let leaf = [1_usize, 2, 3];
        let middle = [0, (&raw const leaf[1]).expose_provenance()];
        let root = [middle.as_ptr().expose_provenance()];
        let alone = [7_usize];
        let blocks = [block(&leaf), block(&root), block(&alone), block(&middle)];
        assert_eq!(owners(&blocks), Some(vec![1, 1, 2, 1]));
    }

    #[test]
    fn a_circle_belongs_to_its_largest_and_what_it_points_to_as_well() {
        let mut one = [0_usize];
        let two = [one.as_ptr().expose_provenance()];
        one[0] = two.as_ptr().expose_provenance();
        let tail = [5_usize];
        let three = [
            two.as_ptr().expose_provenance(),
            tail.as_ptr().expose_provenance(),
        ];
        let circle = [block(&one), block(&two)];
        assert_eq!(owners(&circle), Some(vec![0, 0]));
        let with_a_way_in = [block(&one), block(&two), block(&three), block(&tail)];
        assert_eq!(owners(&with_a_way_in), Some(vec![2, 2, 2, 2]));
        // A circle that another points to.
        let mut large = [0_usize; 4];
        let back = [
            large.as_ptr().expose_provenance(),
            one.as_ptr().expose_provenance(),
        ];
        large[3] = back.as_ptr().expose_provenance();
        let two_circles = [block(&one), block(&two), block(&back), block(&large)];
        assert_eq!(owners(&two_circles), Some(vec![3, 3, 3, 3]));
    }

    #[test]
    fn memory_that_is_gone_points_nowhere() {
        let gone = Block {
            address: 4096,
            size: 1 << 20,
        };
        assert_eq!(owners(&[gone]), Some(vec![0]));
    }
}
