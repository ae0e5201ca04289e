//! Skeletons by the joint tables of packets, for pictures that are drawn without a model's card.

/// Codes of the tables, as in a packet's header.
const HAND_TABLE: u8 = 1;
const BODY_TABLE: u8 = 2;

/// Pairs of joints.
const HAND: &[(u8, u8)] = &[
    (20, 3),
    (3, 2),
    (2, 1),
    (1, 0),
    (20, 7),
    (7, 6),
    (6, 5),
    (5, 4),
    (20, 11),
    (11, 10),
    (10, 9),
    (9, 8),
    (20, 15),
    (15, 14),
    (14, 13),
    (13, 12),
    (20, 19),
    (19, 18),
    (18, 17),
    (17, 16),
];
const BODY: &[(u8, u8)] = &[
    (0, 1),
    (1, 2),
    (2, 6),
    (3, 6),
    (4, 3),
    (5, 4),
    (6, 7),
    (7, 8),
    (8, 9),
    (10, 11),
    (11, 12),
    (12, 7),
    (13, 7),
    (14, 13),
    (15, 14),
];

/// Pairs of joints that a bone connects; none for an order that is not known.
pub fn bones(joint_table: u8) -> &'static [(u8, u8)] {
    match joint_table {
        HAND_TABLE => HAND,
        BODY_TABLE => BODY,
        _ => &[],
    }
}
