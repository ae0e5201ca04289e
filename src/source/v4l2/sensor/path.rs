//! The way from a sensor to a node, in the graph of the kernel's media controller.
//!
//! In: entities and links of a media device, as the kernel lists them. Out: the sensor, and the links from it to the
//! node's entity. The graph is outside data: it may have circles, and links to entities that are not there.

use crate::limits::MAX_MEDIA_ENTITIES;

/// `MEDIA_ENT_F_CAM_SENSOR`.
const SENSOR: u32 = 0x0002_0001;
/// `MEDIA_LNK_FL_ENABLED`, `_IMMUTABLE` and `_LINK_TYPE`; data links are of type 0.
pub(crate) const ENABLED: u32 = 1;
pub(crate) const IMMUTABLE: u32 = 1 << 1;
const TYPE: u32 = 0xF << 28;

/// An entity, and its device node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entity {
    pub id: u32,
    pub name: String,
    pub function: u32,
    /// Major and minor number.
    pub device: [u32; 2],
}

/// One end of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pad {
    pub entity: u32,
    pub index: u16,
}

/// A link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Link {
    pub source: Pad,
    pub sink: Pad,
    pub flags: u32,
}

/// The sensor whose pictures can reach the node with this device, and the links to it, the sensor's first. Enabled links
/// are preferred.
pub(crate) fn find<'a>(
    entities: &'a [Entity],
    links: &[Link],
    node: [u32; 2],
) -> Option<(&'a Entity, Vec<Link>)> {
    let node = entities.iter().find(|entity| entity.device == node)?;
    // Backwards from the node: the links that were found, each with the place of the one after it.
    let mut found: Vec<(Link, Option<usize>)> = Vec::new();
    let mut ends = vec![(node.id, None)];
    let mut seen = vec![node.id];
    while let Some((at, after)) = ends.pop() {
        let entity = entities.iter().find(|entity| entity.id == at);
        if let Some(sensor) = entity.filter(|entity| entity.function == SENSOR) {
            let mut path = Vec::new();
            let mut next = after;
            while let Some((link, after)) = next.and_then(|index: usize| found.get(index)) {
                path.push(*link);
                next = *after;
            }
            return Some((sensor, path));
        }
        let mut into: Vec<Link> = links
            .iter()
            .filter(|link| link.sink.entity == at && link.flags & TYPE == 0)
            .copied()
            .collect();
        // The last one is looked at first.
        into.sort_by_key(|link| link.flags & ENABLED);
        for link in into {
            if seen.len() < MAX_MEDIA_ENTITIES && !seen.contains(&link.source.entity) {
                seen.push(link.source.entity);
                found.push((link, after));
                ends.push((link.source.entity, Some(found.len() - 1)));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn entity(id: u32, name: &str, function: u32) -> Entity {
        Entity {
            id,
            name: name.into(),
            function,
            device: [81, id],
        }
    }

    fn link(source: (u32, u16), sink: (u32, u16), flags: u32) -> Link {
        let pad = |(entity, index)| Pad { entity, index };
        Link {
            source: pad(source),
            sink: pad(sink),
            flags,
        }
    }

    /// A receiver with two outputs, as on a Raspberry Pi 5.
    fn receiver() -> (Vec<Entity>, Vec<Link>) {
        let entities = vec![
            entity(1, "csi2", 0),
            entity(5, "imx219 10-0010", SENSOR),
            entity(7, "pisp-fe", 0),
            entity(20, "rp1-cfe-csi2_ch0", 0x10001),
            entity(30, "rp1-cfe-fe_image0", 0x10001),
            entity(40, "lens", 0x20003),
        ];
        let links = vec![
            link((5, 0), (1, 0), ENABLED | IMMUTABLE),
            link((1, 4), (20, 0), 0),
            link((1, 4), (7, 0), ENABLED),
            link((7, 2), (30, 0), ENABLED),
            // An ancillary link: the lens of the sensor.
            link((40, 0), (5, 0), 2 << 28 | ENABLED),
        ];
        (entities, links)
    }

    #[test]
    fn the_way_to_a_node_is_found_and_begins_at_the_sensor() {
        let (entities, links) = receiver();
        let (sensor, path) = find(&entities, &links, [81, 20]).unwrap();
        assert_eq!(sensor.name, "imx219 10-0010");
        assert_eq!(path, [links[0], links[1]]);
        let (_, path) = find(&entities, &links, [81, 30]).unwrap();
        assert_eq!(path, [links[0], links[2], links[3]]);
        assert_eq!(find(&entities, &links, [81, 99]), None);
        assert_eq!(find(&entities, &links, [81, 40]), None);
        assert_eq!(find(&entities, &links[1..], [81, 20]), None);
    }

    #[test]
    fn of_two_sensors_the_connected_one_is_taken() {
        let (mut entities, mut links) = receiver();
        entities.push(entity(6, "ov5647 11-0036", SENSOR));
        links[0].flags = 0;
        for (flags, name) in [(ENABLED, "ov5647 11-0036"), (0, "imx219 10-0010")] {
            let mut links = links.clone();
            links.insert(0, link((6, 0), (1, 1), flags));
            let (sensor, _) = find(&entities, &links, [81, 20]).unwrap();
            assert_eq!(sensor.name, name);
        }
    }

    prop_compose! {
        fn any_link()(ends in [0..12_u32, 0..12_u32], pads in any::<[u16; 2]>(), flags in 0..4_u32) -> Link {
            link((ends[0], pads[0]), (ends[1], pads[1]), flags)
        }
    }

    proptest! {
        #[test]
        fn any_graph_gives_a_connected_way_or_none(
            functions in vec(prop::sample::select(vec![0, SENSOR]), 0..10),
            links in vec(any_link(), 0..60),
            node in 0..12_u32,
        ) {
            let entities: Vec<Entity> = (0..)
                .zip(&functions)
                .map(|(id, &function)| entity(id, "", function))
                .collect();
            if let Some((sensor, path)) = find(&entities, &links, [81, node]) {
                let ends = path.iter().map(|link| link.source.entity).chain([node]);
                let begins = [sensor.id].into_iter().chain(path.iter().map(|link| link.sink.entity));
                prop_assert!(ends.eq(begins), "{:?}", path);
                prop_assert!(path.iter().all(|link| links.contains(link)));
                prop_assert_eq!(sensor.function, SENSOR);
            }
        }
    }
}
