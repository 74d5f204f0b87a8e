//! Leaves grouped by some of their dimensions: one integer for each combination of values.

/// For each leaf which group it is in.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    /// One for each leaf, less than `size`.
    pub keys: Vec<u32>,
    /// How many groups there can be.
    pub size: u64,
}

impl Keys {
    /// All leaves in one group.
    pub fn whole(leaves: usize) -> Self {
        Self { keys: vec![0; leaves], size: 1 }
    }

    /// The groups split by one more column.
    pub fn split(&self, column: impl Iterator<Item = u32>, values: u32) -> Self {
        let size = self.size.saturating_mul(u64::from(values));
        let pairs = self.keys.iter().zip(column);
        if size <= u64::from(u32::MAX) {
            return Self { keys: pairs.map(|(key, code)| key.wrapping_mul(values).wrapping_add(code)).collect(), size };
        }
        let wide: Vec<u64> = pairs.map(|(key, code)| u64::from(*key) * u64::from(values) + u64::from(code)).collect();
        ranked(&wide)
    }

    /// Leaves in the order of their groups.
    pub fn order(&self) -> Vec<(u32, u32)> {
        let mut order: Vec<(u32, u32)> = self.keys.iter().copied().zip(0..).collect();
        let mut spare = vec![(0, 0); order.len()];
        let bits = 64 - self.size.saturating_sub(1).leading_zeros();
        for shift in (0..bits).step_by(RADIX_BITS as usize) {
            scatter(&order, &mut spare, shift);
            std::mem::swap(&mut order, &mut spare);
        }
        order
    }
}

/// So that the counts of one pass stay in the first cache.
const RADIX_BITS: u32 = 11;

/// One pass of a stable radix sort, by [`RADIX_BITS`] bits of the key.
fn scatter(from: &[(u32, u32)], to: &mut [(u32, u32)], shift: u32) {
    let digit = |key: u32| ((key >> shift) & ((1 << RADIX_BITS) - 1)) as usize;
    let mut starts = vec![0usize; 1 << RADIX_BITS];
    for (key, _) in from {
        if let Some(count) = starts.get_mut(digit(*key)) {
            *count += 1;
        }
    }
    let mut sum = 0;
    for start in &mut starts {
        sum += std::mem::replace(start, sum);
    }
    for pair in from {
        if let Some(start) = starts.get_mut(digit(pair.0)) {
            if let Some(slot) = to.get_mut(*start) {
                *slot = *pair;
            }
            *start += 1;
        }
    }
}

/// Keys that do not fit, as ranks among the distinct ones.
fn ranked(wide: &[u64]) -> Keys {
    let mut order: Vec<(u64, u32)> = wide.iter().copied().zip(0..).collect();
    order.sort_unstable();
    let mut keys = vec![0; wide.len()];
    let mut rank = 0;
    let mut before = order.first().map_or(0, |(key, _)| *key);
    for (key, leaf) in order {
        if key != before {
            rank += 1;
            before = key;
        }
        if let Some(slot) = keys.get_mut(leaf as usize) {
            *slot = rank;
        }
    }
    Keys { keys, size: u64::from(rank) + 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_do_not_fit_become_ranks_and_keep_groups_apart() {
        let column = [5_u32, 900_000, 5, 2];
        let keys = Keys::whole(4).split(column.into_iter(), 1_000_000);
        assert_eq!(keys.keys, column);
        let both = keys.split([7, 7, 7, 999_999].into_iter(), 1_000_000);
        assert_eq!((both.keys, both.size), (vec![1, 2, 1, 0], 3));
    }

    #[test]
    fn order_is_by_group_and_stable() {
        let keys = Keys { keys: vec![4_000_000, 1, 70_000, 1], size: 5_000_000 };
        assert_eq!(keys.order(), [(1, 1), (1, 3), (70_000, 2), (4_000_000, 0)]);
    }
}
