//! Limits the log of a fault that may repeat for a year.

/// A counter of one fault. The log gets the first, second, fourth, eighth occurrence, and so on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Repeated {
    count: u64,
}

impl Repeated {
    /// Counts one occurrence. Returns the count if it is a power of two.
    pub fn again(&mut self) -> Option<u64> {
        self.count = self.count.saturating_add(1);
        self.count.is_power_of_two().then_some(self.count)
    }

    pub fn count(&self) -> u64 {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_faults_are_twenty_lines() {
        let mut fault = Repeated::default();
        let said: Vec<u64> = (0..1_000_000).filter_map(|_| fault.again()).collect();
        assert_eq!(said[..4], [1, 2, 4, 8]);
        assert_eq!((said.len(), fault.count()), (20, 1_000_000));
    }
}
