//! Figures that MMPose's model cards state for the reference networks, to see beside the measured ones.
//!
//! All are with true boxes, the mirrored picture's heatmaps added in, and float weights.

/// A row of a model card. Values are in the order of [`Row::names`].
pub(super) struct Row {
    /// The pictures that it was measured on.
    pub on: &'static str,
    pub names: &'static [&'static str],
    pub values: &'static [f64],
}

const HAND: &[&str] = &["PCK@0.2", "AUC", "EPE"];
const BODY: &[&str] = &["PCKh@0.5", "PCKh@0.1"];

const fn hand(on: &'static str, values: &'static [f64; 3]) -> Row {
    Row {
        on,
        names: HAND,
        values,
    }
}

const fn body(values: &'static [f64; 2]) -> Row {
    Row {
        on: "MPII val",
        names: BODY,
        values,
    }
}

/// Begin of a checkpoint's name, and its rows.
const CARDS: [(&str, &[Row]); 5] = [
    (
        "res50_interhand2d_256x256_human",
        &[
            hand("InterHand2.6M val(M)", &[0.973, 0.828, 5.15]),
            hand("InterHand2.6M test(H)", &[0.973, 0.826, 5.27]),
            hand("InterHand2.6M test(M)", &[0.975, 0.841, 4.90]),
            hand("InterHand2.6M test(H+M)", &[0.975, 0.839, 4.97]),
        ],
    ),
    (
        "res50_interhand2d_256x256_machine",
        &[
            hand("InterHand2.6M val(M)", &[0.970, 0.824, 5.39]),
            hand("InterHand2.6M test(H)", &[0.969, 0.821, 5.52]),
            hand("InterHand2.6M test(M)", &[0.972, 0.838, 5.03]),
            hand("InterHand2.6M test(H+M)", &[0.972, 0.837, 5.11]),
        ],
    ),
    (
        "res50_interhand2d_256x256_all",
        &[
            hand("InterHand2.6M val(M)", &[0.977, 0.840, 4.66]),
            hand("InterHand2.6M test(H)", &[0.979, 0.839, 4.65]),
            hand("InterHand2.6M test(M)", &[0.979, 0.838, 4.42]),
            hand("InterHand2.6M test(H+M)", &[0.979, 0.851, 4.46]),
        ],
    ),
    ("hourglass52_mpii_256x256", &[body(&[0.889, 0.317])]),
    ("hourglass52_mpii_384x384", &[body(&[0.894, 0.367])]),
];

/// The rows of a checkpoint, by its file's name; none for another.
pub(super) fn rows(source: &str) -> &'static [Row] {
    let name = source.rsplit('/').next().unwrap_or(source);
    let known = CARDS.iter().find(|(start, _)| name.starts_with(start));
    known.map_or(&[], |(_, rows)| rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_is_known_by_its_name() {
        let hand = rows("old/res50_interhand2d_256x256_human-77b27d1a_20201029.pth");
        assert_eq!((hand.len(), hand[3].values[2]), (4, 4.97));
        assert_eq!(
            rows("hourglass52_mpii_384x384-04090bc3.pth")[0].values,
            [0.894, 0.367]
        );
        assert!(rows("models/demo/train.py hand").is_empty());
    }
}
