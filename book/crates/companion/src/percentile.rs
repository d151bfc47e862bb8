//! One of many times.

/// The one that so large a share of them (0 to 1) is not above; none where there is none.
pub fn percentile<T: Copy>(sorted: &[T], share: f64) -> Option<T> {
    let place = (share * sorted.len() as f64) as usize;
    sorted.get(place).or(sorted.last()).copied()
}
