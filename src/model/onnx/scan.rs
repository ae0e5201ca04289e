//! A first look at an ONNX file, before any of it is decoded.
//!
//! In: the bytes of a file. Out: nothing, or the fault. Decoding makes an object of hundreds of bytes from each
//! message, which can be two bytes long. So this walks over the protobuf, counts the messages, and compares the
//! counts and each tensor's shape with their limits. It allocates nothing except the text of a fault, and takes time
//! proportional to the file.

use crate::limits::{
    MAX_CONSTANT_VALUES, MAX_NODE_ATTRIBUTES, MAX_ONNX_ATTRIBUTES, MAX_ONNX_DEPTH, MAX_ONNX_ITEMS,
    MAX_ONNX_NODES, MAX_ONNX_WIDE_VALUES,
};

/// The reason why a file is not decoded.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::model) enum Fault {
    /// The bytes are no protobuf.
    Garbled,
    /// A part of the model, and its fault.
    Refused { part: String, what: String },
}

/// Messages of ONNX that hold others, or lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Message {
    Model,
    Graph,
    Node,
    Attribute,
    Tensor,
    Sparse,
    ValueInfo,
    Type,
    TensorType,
    Shape,
    Annotation,
    Function,
    Training,
    /// Without fields that are looked at.
    Leaf,
}

/// The meaning of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Message(Message),
    /// A list of texts.
    Texts,
    /// A list of numbers of 64 bits, which can have one byte each in a file.
    Wide,
    /// Anything else: a number or a text of its own, or an unknown field.
    Other,
}

fn field(message: Message, number: u64) -> Field {
    use Field::{Other, Texts, Wide};
    use Message::*;
    let inner = Field::Message;
    match (message, number) {
        (Model, 7) => inner(Graph),
        (Model, 8 | 14) => inner(Leaf),
        (Model, 20) => inner(Training),
        (Model, 25) => inner(Function),
        (Graph, 1) | (Function, 7) => inner(Node),
        (Graph, 5) | (Attribute, 5 | 10) | (Sparse, 1 | 2) => inner(Tensor),
        (Graph, 11..=13) => inner(ValueInfo),
        (Graph, 14) => inner(Annotation),
        (Graph, 15) | (Attribute, 22 | 23) => inner(Sparse),
        (Node, 1 | 2) | (Function, 4..=6) | (Attribute, 9) | (Tensor, 6) => Texts,
        (Node, 5) => inner(Attribute),
        (Attribute, 6 | 11) | (Training, 1 | 2) => inner(Graph),
        (Attribute, 8) | (Tensor, 1 | 7 | 11) | (Sparse, 3) => Wide,
        (Attribute, 15) | (ValueInfo, 2) => inner(Type),
        (Type, 1) => inner(TensorType),
        (TensorType, 2) => inner(Shape),
        (Tensor, 3 | 13) | (Shape, 1) | (Annotation, 2) | (Function, 9) | (Training, 3 | 4) => {
            inner(Leaf)
        }
        _ => Other,
    }
}

/// A field's value as it is in the file.
enum Raw<'a> {
    Varint(u64),
    Bytes(&'a [u8]),
    /// Four or eight bytes.
    Fixed,
}

/// The rest of a message.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for (index, &byte) in self.0.iter().enumerate().take(10) {
            value |= u64::from(byte & 0x7F) << (7 * index);
            if byte < 0x80 {
                self.0 = &self.0[index + 1..];
                return Some(value);
            }
        }
        None
    }

    fn take(&mut self, count: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(count).ok()?)?;
        self.0 = rest;
        Some(taken)
    }

    /// The next field; `None` at the end.
    fn next(&mut self) -> Result<Option<(u64, Raw<'a>)>, Fault> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let mut read = || {
            let key = self.varint()?;
            let raw = match key & 7 {
                0 => Raw::Varint(self.varint()?),
                1 => self.take(8).map(|_| Raw::Fixed)?,
                2 => {
                    let length = self.varint()?;
                    Raw::Bytes(self.take(length)?)
                }
                5 => self.take(4).map(|_| Raw::Fixed)?,
                _ => return None,
            };
            Some((key >> 3, raw))
        };
        read().map(Some).ok_or(Fault::Garbled)
    }
}

/// Numbers in a packed list of varints: each ends with a byte below 128.
fn varints(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|&&byte| byte < 0x80).count() as u64
}

/// Checks that a file can be decoded within a bounded amount of memory.
///
/// # Errors
/// The first fault.
pub(in crate::model) fn scan(file: &[u8]) -> Result<(), Fault> {
    Scan::default().message(Message::Model, file, 0)
}

/// The counts so far.
#[derive(Default)]
struct Scan {
    nodes: u64,
    attributes: u64,
    /// Messages and texts of lists.
    items: u64,
    wide_values: u64,
}

impl Scan {
    fn message(&mut self, message: Message, bytes: &[u8], depth: usize) -> Result<(), Fault> {
        if depth > MAX_ONNX_DEPTH {
            return refuse("file", format!("has messages {depth} deep in each other"));
        }
        self.count(message, bytes)?;
        if message == Message::Tensor {
            return self.tensor(bytes);
        }
        let mut reader = Reader(bytes);
        let mut attributes = 0;
        while let Some((number, raw)) = reader.next()? {
            match (field(message, number), raw) {
                (Field::Message(inner), Raw::Bytes(body)) => {
                    if message == Message::Attribute && inner == Message::Graph {
                        let name = text(bytes, 1);
                        return refuse(
                            format!("attribute {name}"),
                            "is a graph of its own (If, Loop, Scan): export the network without it",
                        );
                    }
                    attributes += u64::from(inner == Message::Attribute);
                    if attributes > MAX_NODE_ATTRIBUTES {
                        return refuse(
                            format!("node {}", node_name(bytes)),
                            format!("has more than {MAX_NODE_ATTRIBUTES} attributes"),
                        );
                    }
                    self.message(inner, body, depth + 1)?;
                }
                (Field::Texts, Raw::Bytes(_)) => self.items += 1,
                (Field::Wide, Raw::Bytes(list)) => self.wide_values += varints(list),
                (Field::Wide, Raw::Varint(_)) => self.wide_values += 1,
                _ => {}
            }
            self.check_counts()?;
        }
        Ok(())
    }

    fn count(&mut self, message: Message, bytes: &[u8]) -> Result<(), Fault> {
        self.items += 1;
        match message {
            Message::Node => self.nodes += 1,
            Message::Attribute => self.attributes += 1,
            _ => {}
        }
        if self.nodes > MAX_ONNX_NODES {
            let name = node_name(bytes);
            return refuse(
                format!("node {name}"),
                format!("is one more than {MAX_ONNX_NODES}, the most nodes of a network"),
            );
        }
        if self.attributes > MAX_ONNX_ATTRIBUTES {
            let name = text(bytes, 1);
            return refuse(
                format!("attribute {name}"),
                format!("is one more than {MAX_ONNX_ATTRIBUTES}, the most attributes of a network"),
            );
        }
        self.check_counts()
    }

    fn check_counts(&self) -> Result<(), Fault> {
        if self.items > MAX_ONNX_ITEMS {
            return refuse(
                "file",
                format!("has more than {MAX_ONNX_ITEMS} tensors, names and other parts"),
            );
        }
        if self.wide_values > MAX_ONNX_WIDE_VALUES {
            return refuse(
                "file",
                format!("has more than {MAX_ONNX_WIDE_VALUES} numbers of 64 bits"),
            );
        }
        Ok(())
    }

    /// Checks that a tensor has as many values as its shape says.
    fn tensor(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        let (mut values, mut raw_bytes, mut listed) = (Some(1_u64), None, 0);
        let (mut kind, mut external) = (0, false);
        let mut reader = Reader(bytes);
        let side = |values: &mut Option<u64>, side: u64| {
            *values = values.and_then(|values| values.checked_mul(side));
        };
        while let Some((number, raw)) = reader.next()? {
            match (number, raw) {
                (1, Raw::Varint(value)) => {
                    side(&mut values, value);
                    self.wide_values += 1;
                }
                (1, Raw::Bytes(list)) => {
                    let mut list = Reader(list);
                    while !list.0.is_empty() {
                        side(&mut values, list.varint().ok_or(Fault::Garbled)?);
                        self.wide_values += 1;
                    }
                }
                (2, Raw::Varint(value)) => kind = value,
                (3 | 13, Raw::Bytes(_)) => self.items += 1,
                (4, Raw::Bytes(list)) => listed += list.len() as u64 / 4,
                (10, Raw::Bytes(list)) => listed += list.len() as u64 / 8,
                (4 | 10, Raw::Fixed) | (5, Raw::Varint(_)) => listed += 1,
                (5, Raw::Bytes(list)) => listed += varints(list),
                (6, Raw::Bytes(_)) => {
                    self.items += 1;
                    listed += 1;
                }
                (7 | 11, Raw::Varint(_)) => {
                    self.wide_values += 1;
                    listed += 1;
                }
                (7 | 11, Raw::Bytes(list)) => {
                    let count = varints(list);
                    self.wide_values += count;
                    listed += count;
                }
                // The last one counts.
                (9, Raw::Bytes(raw)) => raw_bytes = Some(raw.len() as u64),
                (14, Raw::Varint(location)) => external = location == 1,
                _ => {}
            }
            self.check_counts()?;
        }
        let part = || match text(bytes, 8) {
            name if name.is_empty() => "a constant".to_owned(),
            name => format!("constant {name}"),
        };
        let Some(values) = values.filter(|&values| values <= MAX_CONSTANT_VALUES as u64) else {
            return refuse(
                part(),
                format!("has more than {MAX_CONSTANT_VALUES} values, or sides below 0"),
            );
        };
        let found = match (raw_bytes.filter(|&bytes| bytes > 0), bits(kind)) {
            _ if external => return Ok(()),
            (_, None) => return Ok(()),
            (Some(raw), Some(bits)) => (raw * 8, values * bits),
            (None, Some(bits)) => match bits {
                // Two values are in one number.
                4 => (listed, values.div_ceil(2)),
                _ => (listed, values),
            },
        };
        let fits = match (raw_bytes, bits(kind)) {
            // Four bits: the last byte can be half full.
            (Some(_), Some(4)) => found.0 == found.1.next_multiple_of(8),
            _ => found.0 == found.1,
        };
        if fits {
            return Ok(());
        }
        let has = match (raw_bytes, bits(kind)) {
            (Some(raw), _) => format!("{raw} bytes"),
            (None, _) => format!("{listed}"),
        };
        refuse(
            part(),
            format!("has a shape of {values} values, and holds {has}: export the model again"),
        )
    }
}

/// Bits of a value of this type in raw data; `None` for types that are refused later.
fn bits(kind: u64) -> Option<u64> {
    Some(match kind {
        1 | 6 | 12 => 32,
        2 | 3 | 9 | 17..=20 => 8,
        4 | 5 | 10 | 16 => 16,
        7 | 11 | 13 => 64,
        21..=23 => 4,
        _ => return None,
    })
}

/// The text of a field of a message, cut to a readable length.
fn text(bytes: &[u8], wanted: u64) -> String {
    let mut reader = Reader(bytes);
    while let Ok(Some((number, raw))) = reader.next() {
        if let (true, Raw::Bytes(text)) = (number == wanted, raw) {
            let start = &text[..text.len().min(100)];
            return String::from_utf8_lossy(start).into_owned();
        }
    }
    String::new()
}

/// The name of a node, or of its first output if it has none.
fn node_name(bytes: &[u8]) -> String {
    match text(bytes, 3) {
        name if name.is_empty() => text(bytes, 2),
        name => name,
    }
}

fn refuse<T>(part: impl Into<String>, what: impl Into<String>) -> Result<T, Fault> {
    Err(Fault::Refused {
        part: part.into(),
        what: what.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn varint(mut value: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while value > 0x7F {
            bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
        bytes
    }

    fn piece(field: u64, body: &[u8]) -> Vec<u8> {
        [
            varint(field << 3 | 2),
            varint(body.len() as u64),
            body.into(),
        ]
        .concat()
    }

    fn number(field: u64, value: u64) -> Vec<u8> {
        [varint(field << 3), varint(value)].concat()
    }

    fn in_graph(parts: &[u8]) -> Vec<u8> {
        piece(7, parts)
    }

    fn refusal(file: &[u8]) -> String {
        match scan(file) {
            Err(Fault::Refused { part, what }) => format!("{part}: {what}"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn small_parts_in_any_number_are_refused() {
        let cases: [(Vec<u8>, &str); 6] = [
            (in_graph(&[0x0A, 0].repeat(20_000)), "most nodes"),
            (in_graph(&[0x2A, 0].repeat(300_000)), "other parts"),
            (in_graph(&piece(1, &[0x2A, 0].repeat(65))), "attributes"),
            (
                in_graph(&piece(1, &[0x2A, 0].repeat(60)).repeat(1200)),
                "most attributes",
            ),
            ([0x72, 0].repeat(300_000), "other parts"),
            (
                in_graph(&piece(5, &piece(7, &[1].repeat(2_000_000)))),
                "64 bits",
            ),
        ];
        for (file, word) in cases {
            let said = refusal(&file);
            assert!(said.contains(word), "{said}");
        }
    }

    #[test]
    fn an_inner_graph_is_refused_however_deep() {
        let mut file = Vec::new();
        for field in [6, 5, 1].repeat(1000) {
            file = piece(field, &file);
        }
        assert!(refusal(&in_graph(&file)).contains("graph of its own"));
    }

    #[test]
    fn a_tensor_has_the_values_of_its_shape() {
        let tensor = |dims: &[u64], kind: u64, more: &[u8]| {
            let mut body = piece(8, b"w");
            dims.iter().for_each(|&dim| body.extend(number(1, dim)));
            body.extend(number(2, kind));
            body.extend(more);
            in_graph(&piece(5, &body))
        };
        for (dims, kind, more) in [
            (&[2, 3][..], 1, piece(9, &[0; 24])),
            (&[2, 3], 1, piece(4, &[0; 24])),
            (&[2, 3], 3, piece(5, &[1; 6])),
            (&[2, 3], 21, piece(9, &[0; 3])),
            (&[5], 21, piece(9, &[0; 3])),
            (&[], 7, number(7, 5)),
            (&[0], 1, vec![]),
        ] {
            assert_eq!(scan(&tensor(dims, kind, &more)), Ok(()), "{dims:?} {kind}");
        }
        for (dims, kind, more) in [
            (&[1 << 16, 1 << 16][..], 1, vec![]),
            (&[1 << 33], 3, vec![]),
            (&[1 << 63, 2], 3, vec![]),
            (&[u64::MAX], 3, vec![]),
            (&[2, 3], 1, piece(9, &[0; 23])),
            (&[2, 3], 1, vec![]),
            (&[2, 3], 3, piece(5, &[1; 7])),
        ] {
            let said = refusal(&tensor(dims, kind, &more));
            assert!(said.starts_with("constant w: "), "{said}");
        }
    }

    #[test]
    fn the_test_networks_pass() {
        let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
        for name in ["hand.onnx", "hand.qdq.onnx", "body.qoperator.onnx"] {
            let file = std::fs::read(format!("{fixtures}/{name}")).unwrap();
            assert_eq!(scan(&file), Ok(()));
            for end in (0..file.len()).step_by(997) {
                // Cut anywhere, it is garbled or a smaller model.
                let _ = scan(&file[..end]);
            }
        }
    }

    /// Bytes that are often fields of messages in messages.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let leaf = proptest::collection::vec(any::<u8>(), 0..20);
        let field = prop_oneof![1_u64..16, any::<u64>().prop_map(|number| number >> 3)];
        leaf.prop_recursive(8, 200, 6, move |inner| {
            let part = (field.clone(), inner, any::<u64>(), 0..8).prop_map(
                |(field, body, value, kind)| match kind {
                    0 => number(field & 0xFF_FFFF, value),
                    1 => body,
                    _ => piece(field & 0xFF_FFFF, &body),
                },
            );
            proptest::collection::vec(part, 0..6).prop_map(|parts| parts.concat())
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn no_bytes_panic_and_the_counts_are_bounded(file in bytes()) {
            let mut scan = Scan::default();
            let _ = scan.message(Message::Model, &file, 0);
            prop_assert!(scan.nodes <= MAX_ONNX_NODES + 1);
            prop_assert!(scan.items <= file.len() as u64 + 1);
        }

        #[test]
        fn every_number_is_read_as_it_was_written(value: u64) {
            let bytes = varint(value);
            prop_assert_eq!(Reader(&bytes).varint(), Some(value));
            prop_assert_eq!(varints(&bytes), 1);
        }
    }
}
