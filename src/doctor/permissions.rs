//! The groups that may use cameras and serial lines.

use super::{Finding, Subject};

const CHECK: &str = "groups";

pub(super) fn check(subject: &Subject<'_>) -> Vec<Finding> {
    let facts = subject.facts;
    let Some(me) = facts.me() else {
        return vec![Finding::ok(CHECK, "not known")];
    };
    if me.uid == 0 {
        return vec![Finding::ok(
            CHECK,
            "this is root; others need the groups video and dialout",
        )];
    }
    let id = |wanted: &str| -> Option<u32> {
        let groups = facts.files.text("/etc/group")?;
        groups.lines().find_map(|line| {
            let mut fields = line.split(':');
            (fields.next()? == wanted).then(|| fields.nth(1)?.parse().ok())?
        })
    };
    let missing: Vec<&str> = ["video", "dialout"]
        .into_iter()
        .filter(|name| id(name).is_some_and(|id| !me.groups.contains(&id)))
        .collect();
    vec![if missing.is_empty() {
        Finding::ok(CHECK, "video and dialout")
    } else {
        Finding::warning(
            CHECK,
            format!("this user is not in {}", missing.join(" and ")),
            format!(
                "sudo usermod -aG {} USER, and log in again",
                missing.join(",")
            ),
        )
    }]
}
