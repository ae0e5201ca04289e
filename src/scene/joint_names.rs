//! Names of joints in data sets of persons. Cards that name their joints so are compared with these sets by name.

/// The joints of COCO's persons, in its order.
pub const COCO_JOINTS: [&str; 17] = [
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
];

/// The joints of PoseTrack18's persons, in its order. Its lists also name ears, which it does not label.
pub const POSETRACK_JOINTS: [&str; 15] = [
    "nose",
    "head_bottom",
    "head_top",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
];

/// The joints of a person that COCO, PoseTrack18 and MPII have: shoulders to ankles, in COCO's order.
pub const BODY_JOINTS: [&str; 12] = *COCO_JOINTS.last_chunk().expect("COCO has more joints");

/// The place of each wanted joint in a list of names; `None` for one that the list has not.
pub fn joint_places(wanted: &[impl AsRef<str>], names: &[impl AsRef<str>]) -> Vec<Option<usize>> {
    let place = |name: &str| names.iter().position(|own| own.as_ref() == name);
    wanted.iter().map(|name| place(name.as_ref())).collect()
}

/// Lists of joints as they are in cards and in files.
#[cfg(all(test, feature = "eval"))]
pub(crate) mod fixtures {
    /// MPII's joints, as cards name them.
    pub const MPII: [&str; 16] = [
        "right_ankle",
        "right_knee",
        "right_hip",
        "left_hip",
        "left_knee",
        "left_ankle",
        "pelvis",
        "thorax",
        "upper_neck",
        "head_top",
        "right_wrist",
        "right_elbow",
        "right_shoulder",
        "left_shoulder",
        "left_elbow",
        "left_wrist",
    ];
    /// PoseTrack18's own order.
    pub const POSETRACK: [&str; 17] = [
        "nose",
        "head_bottom",
        "head_top",
        "left_ear",
        "right_ear",
        "left_shoulder",
        "right_shoulder",
        "left_elbow",
        "right_elbow",
        "left_wrist",
        "right_wrist",
        "left_hip",
        "right_hip",
        "left_knee",
        "right_knee",
        "left_ankle",
        "right_ankle",
    ];
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joints_are_found_by_name() {
        let names = ["right_knee", "nose", "left_knee"];
        let places = joint_places(&["left_knee", "pelvis", "nose"], &names);
        assert_eq!(places, [Some(2), None, Some(1)]);
        assert_eq!(joint_places(&names, &[] as &[&str]), [None; 3]);
    }

    #[test]
    fn all_sets_of_persons_have_the_joints_from_shoulders_to_ankles() {
        for set in [&COCO_JOINTS[..], &POSETRACK_JOINTS[..]] {
            assert!(joint_places(&BODY_JOINTS, set).iter().all(Option::is_some));
        }
        assert_eq!(COCO_JOINTS[5..], BODY_JOINTS);
        assert_eq!(
            (BODY_JOINTS[0], BODY_JOINTS[11]),
            ("left_shoulder", "right_ankle")
        );
    }
}
