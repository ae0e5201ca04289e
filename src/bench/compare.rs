//! Two records, stage by stage, with an estimate of the noise.

use super::record::Record;
use crate::error::{Error, Result};

/// The share of single comparisons that the noise covers.
const COVERED: f64 = 0.95;

/// How much longer a stage takes in the second record.
#[derive(Debug, Clone, PartialEq)]
pub struct Ratio {
    /// The stage.
    pub stage: String,
    /// Its medians, in milliseconds, first and second.
    pub medians_ms: [f64; 2],
    /// Second median by first.
    pub ratio: f64,
    /// Where the ratios of 95 % of all pairs of blocks lie, one of each record.
    pub noise: [f64; 2],
}

impl Ratio {
    /// The second record against the first.
    pub fn verdict(&self) -> &'static str {
        match self.noise {
            [_, high] if high < 1.0 => "faster",
            [low, _] if low > 1.0 => "slower",
            _ => "within noise",
        }
    }
}

/// The ratios of all stages that both have.
///
/// Blocks of one run differ by clock, temperature and other programs, as two runs do. So the noise is the spread of
/// the ratios of single blocks, not the far smaller uncertainty of their mean.
///
/// # Errors
/// [`ErrorKind::Usage`](crate::ErrorKind::Usage) if they have no stage in common.
pub fn compare(first: &Record, second: &Record) -> Result<Vec<Ratio>> {
    let ratios: Vec<Ratio> = first
        .stages
        .iter()
        .filter_map(|before| {
            let after = second.stage(&before.name)?;
            let mut pairs: Vec<f64> = before
                .block_medians_ms
                .iter()
                .flat_map(|before| {
                    after
                        .block_medians_ms
                        .iter()
                        .map(move |after| after / before)
                })
                .collect();
            pairs.sort_by(f64::total_cmp);
            let rest = (1.0 - COVERED) / 2.0;
            let at =
                |share: f64| pairs.get((share * (pairs.len().max(1) - 1) as f64).round() as usize);
            let medians_ms = [before.ms.median_ms, after.ms.median_ms];
            Some(Ratio {
                stage: before.name.clone(),
                medians_ms,
                ratio: medians_ms[1] / medians_ms[0],
                noise: [*at(rest)?, *at(1.0 - rest)?],
            })
        })
        .collect();
    if ratios.is_empty() {
        return Err(Error::usage("the two records have no stage in common"));
    }
    Ok(ratios)
}

/// Differences between two records besides the times, as text for people.
pub fn differences(first: &Record, second: &Record) -> Vec<String> {
    let board = |record: &Record| {
        let machine = &record.machine;
        let name = machine.board.as_deref().unwrap_or("unknown board");
        let processor = machine.processor.as_deref().unwrap_or("unknown processor");
        format!("{name}, {processor}, {} cores", machine.cores)
    };
    let facts = [
        ("machine", board(first), board(second)),
        (
            "kernel family",
            first.kernel_family.clone(),
            second.kernel_family.clone(),
        ),
        (
            "model",
            first.model.sha256.clone(),
            second.model.sha256.clone(),
        ),
        (
            "engine",
            first.model.engine.clone(),
            second.model.engine.clone(),
        ),
        (
            "threads",
            first.threads.to_string(),
            second.threads.to_string(),
        ),
        ("version", first.version.clone(), second.version.clone()),
    ];
    let mut found: Vec<String> = facts
        .into_iter()
        .filter(|(_, first, second)| first != second)
        .map(|(what, first, second)| format!("{what}: {first}; {second}"))
        .collect();
    for (record, which) in [(first, "first"), (second, "second")] {
        let why = record.disturbed.iter();
        found.extend(why.map(|why| format!("the {which} run is not clean: {why}")));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::record::tests::record;

    #[test]
    fn a_run_is_within_the_noise_of_itself_and_a_shift_beyond_it_is_not() {
        let noisy = record(&[10.0, 10.2, 9.9, 10.4, 10.1, 9.8]);
        let same = &compare(&noisy, &noisy).unwrap()[0];
        assert_eq!((same.ratio, same.verdict()), (1.0, "within noise"));
        let slower = record(&[11.0, 11.2, 10.9, 11.4, 11.1, 10.8]);
        assert_eq!(compare(&noisy, &slower).unwrap()[0].verdict(), "slower");
        let found = &compare(&slower, &noisy).unwrap()[0];
        assert_eq!(found.verdict(), "faster");
        assert!(found.noise[0] < found.ratio && found.ratio < found.noise[1]);
    }

    #[test]
    fn records_without_a_common_stage_are_refused_and_differences_are_named() {
        let first = record(&[1.0]);
        let mut second = first.clone();
        second.stages[0].name = "other".into();
        second.threads = 2;
        second.disturbed.push("it was hot".into());
        assert!(compare(&first, &second).is_err());
        assert_eq!(
            differences(&first, &second),
            ["threads: 1; 2", "the second run is not clean: it was hot"]
        );
    }
}
