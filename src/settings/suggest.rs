//! The known name nearest to a misspelt one.

/// The known name nearest to `name`; `None` if none is close.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // The distance takes quadratic time. A name much longer than any known one is close to none.
    const MAX_NAME_BYTES: usize = 40;
    if name.len() > MAX_NAME_BYTES {
        return None;
    }
    known
        .into_iter()
        .map(|candidate| {
            let cost = match candidate.starts_with(name) && name.len() >= 3 {
                true => 1,
                false => distance(name, candidate),
            };
            (cost, candidate)
        })
        .filter(|(cost, candidate)| *cost <= 1 + candidate.len() / 5)
        .min_by_key(|(cost, _)| *cost)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance: characters to insert, remove or replace.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &b) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_counted_in_edits() {
        for (a, b, edits) in [
            ("", "", 0),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
            ("pin", "pni", 2),
        ] {
            assert_eq!(distance(a, b), edits);
            assert_eq!(distance(b, a), edits);
        }
    }

    #[test]
    fn a_near_name_is_found_and_a_far_one_is_not() {
        let known = ["heartbeat-ms", "threads", "pin", "camera-fps", "json"];
        for (name, near) in [
            ("heartbeat-s", Some("heartbeat-ms")),
            ("heartbeat", Some("heartbeat-ms")),
            ("thread", Some("threads")),
            ("camera_fps", Some("camera-fps")),
            ("jsn", Some("json")),
            ("speed", None),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(nearest(name, known), near, "{name}");
        }
        assert_eq!(nearest(&"pin".repeat(1000), known), None);
    }
}
