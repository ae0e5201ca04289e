//! Messages of multicast DNS (RFC 6762), as far as one host's name needs them.
//!
//! In: datagrams of anyone. Out: what they say of this host's name, and the messages about it. Nothing is allocated
//! for what a datagram says, and every loop over one is bounded by its bytes.

use std::net::Ipv4Addr;

/// Seconds for which others may remember the address: RFC 6762's for names of hosts.
const TTL_S: u32 = 120;
/// The same for programs that know only DNS.
const LEGACY_TTL_S: u32 = 10;
const HEADER: usize = 12;
const MAX_LABEL_BYTES: usize = 63;
/// RFC 1035's longest name.
const MAX_NAME_BYTES: usize = 255;
/// Jumps within a name: more are a circle, or an attack.
const MAX_JUMPS: usize = 16;
const IS_RESPONSE: u16 = 1 << 15;
const OPCODE: u16 = 0b1111 << 11;
const AUTHORITATIVE: u16 = 1 << 10;
/// Top bit of a class: the answer may be sent to the asker alone, or the record replaces all others.
const TOP: u16 = 1 << 15;
const INTERNET: u16 = 1;
const ADDRESS: u16 = 1;
const NEGATIVE: u16 = 47;
const ANY: u16 = 255;

/// A question about this host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    pub id: u16,
    /// The address is asked for, and not only what the host has none of.
    pub address: bool,
    /// The asker alone needs the answer.
    pub unicast: bool,
    /// The asker wants the name for itself.
    pub is_probe: bool,
    kind: u16,
}

/// A message about this host's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    Asked(Asked),
    /// Another host has the name, with this address.
    Claimed(Ipv4Addr),
    /// Another host wants the name, with this address, and none has it yet as far as it knows.
    Probed(Asked, Ipv4Addr),
}

/// Reads a datagram. `None` if it is of no concern, or garbled. `is_own` tells addresses of this host.
pub fn read(bytes: &[u8], host: &str, is_own: impl Fn(Ipv4Addr) -> bool) -> Option<Message> {
    let mut rest = Reader { bytes, at: 0 };
    let id = rest.number()?;
    let flags = rest.number()?;
    let [questions, answers, authorities, others] = [
        rest.number()?,
        rest.number()?,
        rest.number()?,
        rest.number()?,
    ];
    if flags & OPCODE != 0 {
        return None;
    }
    let is_response = flags & IS_RESPONSE != 0;
    let mut asked: Option<Asked> = None;
    for _ in 0..questions {
        let is_ours = rest.is_name(host)?;
        let (kind, class) = (rest.number()?, rest.number()?);
        if is_ours && matches!(class & !TOP, INTERNET | ANY) && !is_response {
            let unicast = class & TOP != 0;
            let address = matches!(kind, ADDRESS | ANY);
            let before = asked.unwrap_or(Asked {
                id,
                address: false,
                unicast: true,
                is_probe: false,
                kind,
            });
            asked = Some(Asked {
                address: before.address || address,
                unicast: before.unicast && unicast,
                kind: if address { kind } else { before.kind },
                ..before
            });
        }
    }
    let answers = u32::from(answers);
    let authorities = answers + u32::from(authorities);
    let mut probed = None;
    for index in 0..authorities + u32::from(others) {
        // A garbled record hides where the next one begins.
        let Some(record) = rest.record(host) else {
            break;
        };
        let Some((address, ttl_s)) = record else {
            continue;
        };
        let is_own = is_own(address);
        if is_response {
            if !is_own && ttl_s > 0 {
                return Some(Message::Claimed(address));
            }
        } else if index < answers {
            if is_own && ttl_s >= TTL_S / 2 {
                // The asker knows it already.
                return None;
            }
        } else if index < authorities && !is_own {
            probed = Some(address);
        }
    }
    Some(match (asked?, probed) {
        (asked, Some(address)) => {
            let is_probe = true;
            Message::Probed(Asked { is_probe, ..asked }, address)
        }
        (asked, None) => Message::Asked(asked),
    })
}

/// The question whether anyone has the name, with the record that this host would have.
pub fn probe(host: &str, own: Ipv4Addr) -> Vec<u8> {
    let mut bytes = header(0, [1, 0, 1], 0);
    name(&mut bytes, host);
    bytes.extend(ANY.to_be_bytes());
    bytes.extend((INTERNET | TOP).to_be_bytes());
    record(&mut bytes, host, ADDRESS, INTERNET, TTL_S, &own.octets());
    bytes
}

/// The announcement of the name, which is also the answer to everyone.
pub fn announcement(host: &str, own: Ipv4Addr) -> Vec<u8> {
    let mut bytes = header(0, [0, 1, 0], IS_RESPONSE | AUTHORITATIVE);
    record(
        &mut bytes,
        host,
        ADDRESS,
        INTERNET | TOP,
        TTL_S,
        &own.octets(),
    );
    bytes
}

/// The answer. `legacy` is for a program that did not ask from the port of multicast DNS.
pub fn answer(asked: &Asked, host: &str, own: Ipv4Addr, legacy: bool) -> Vec<u8> {
    let (ttl_s, class) = match legacy {
        true => (LEGACY_TTL_S, INTERNET),
        false => (TTL_S, INTERNET | TOP),
    };
    let flags = IS_RESPONSE | AUTHORITATIVE;
    let mut bytes = match legacy {
        true => {
            let mut bytes = header(asked.id, [1, 1, 0], flags);
            name(&mut bytes, host);
            bytes.extend(asked.kind.to_be_bytes());
            bytes.extend(INTERNET.to_be_bytes());
            bytes
        }
        false => header(0, [0, 1, 0], flags),
    };
    if asked.address {
        record(&mut bytes, host, ADDRESS, class, ttl_s, &own.octets());
    } else {
        // "Of this name there is an address of IPv4, and nothing else": nobody waits for IPv6.
        let mut only = Vec::new();
        name(&mut only, host);
        only.extend([0, 1, 0x40]);
        record(&mut bytes, host, NEGATIVE, class, ttl_s, &only);
    }
    bytes
}

/// `counts` are of questions, answers and authorities.
fn header(id: u16, counts: [u16; 3], flags: u16) -> Vec<u8> {
    let [questions, answers, authorities] = counts;
    let words = [id, flags, questions, answers, authorities, 0];
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

fn record(bytes: &mut Vec<u8>, host: &str, kind: u16, class: u16, ttl_s: u32, data: &[u8]) {
    name(bytes, host);
    bytes.extend(kind.to_be_bytes());
    bytes.extend(class.to_be_bytes());
    bytes.extend(ttl_s.to_be_bytes());
    // A name and a few bytes.
    bytes.extend((data.len() as u16).to_be_bytes());
    bytes.extend(data);
}

/// `host` has letters, digits and dashes, at most 63.
fn name(bytes: &mut Vec<u8>, host: &str) {
    for label in [host, "local"] {
        let label = &label.as_bytes()[..label.len().min(MAX_LABEL_BYTES)];
        bytes.push(label.len() as u8);
        bytes.extend(label);
    }
    bytes.push(0);
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(count)?;
        let taken = self.bytes.get(self.at..end)?;
        self.at = end;
        Some(taken)
    }

    fn number(&mut self) -> Option<u16> {
        let bytes = self.take(2)?;
        Some(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    /// Reads a name, and tells whether it is that of the host.
    fn is_name(&mut self, host: &str) -> Option<bool> {
        let mut wanted = [host, "local"].into_iter();
        let mut is_ours = true;
        let (mut length, mut jumps) = (0, 0);
        // The reader goes on after the first jump.
        let mut after = None;
        loop {
            let first = *self.take(1)?.first()?;
            match first {
                0 => {
                    self.at = after.unwrap_or(self.at);
                    return Some(is_ours && wanted.next().is_none());
                }
                1..=63 => {
                    let label = self.take(first.into())?;
                    length += 1 + label.len();
                    let matches = wanted
                        .next()
                        .is_some_and(|wanted| label.eq_ignore_ascii_case(wanted.as_bytes()));
                    is_ours &= matches;
                    if length >= MAX_NAME_BYTES {
                        return None;
                    }
                }
                0xC0.. => {
                    let low = *self.take(1)?.first()?;
                    after = after.or(Some(self.at));
                    let to = usize::from(first & 0x3F) << 8 | usize::from(low);
                    jumps += 1;
                    // Names are told before they are referred to.
                    if jumps > MAX_JUMPS || to < HEADER || to >= self.at - 2 {
                        return None;
                    }
                    self.at = to;
                }
                _ => return None,
            }
        }
    }

    /// Reads a record. If it is an address of the host: the address, and how long it holds.
    fn record(&mut self, host: &str) -> Option<Option<(Ipv4Addr, u32)>> {
        let is_ours = self.is_name(host)?;
        let (kind, class) = (self.number()?, self.number()?);
        let ttl_s = u32::from(self.number()?) << 16 | u32::from(self.number()?);
        let length = self.number()?;
        let data = self.take(length.into())?;
        let is_address = is_ours && kind == ADDRESS && class & !TOP == INTERNET;
        let address = <[u8; 4]>::try_from(data).ok().filter(|_| is_address);
        Some(address.map(|address| (address.into(), ttl_s)))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    const HOST: &str = "posewire-12ab";
    const OWN: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 50);
    const OTHER: Ipv4Addr = Ipv4Addr::new(192, 168, 1, 51);

    fn read_own(bytes: &[u8]) -> Option<Message> {
        read(bytes, HOST, |address| address == OWN)
    }

    /// A question for an address, also for tests of the other files.
    pub fn question(host: &str) -> Vec<u8> {
        query(host, ADDRESS, INTERNET)
    }

    fn query(host: &str, kind: u16, class: u16) -> Vec<u8> {
        let mut bytes = header(7, [1, 0, 0], 0);
        name(&mut bytes, host);
        bytes.extend(kind.to_be_bytes());
        bytes.extend(class.to_be_bytes());
        bytes
    }

    fn asked(bytes: &[u8]) -> Option<Asked> {
        match read_own(bytes)? {
            Message::Asked(asked) => Some(asked),
            _ => None,
        }
    }

    #[test]
    fn the_name_is_answered_in_any_case_of_letters() {
        let found = asked(&query("PoseWire-12AB", ADDRESS, INTERNET)).unwrap();
        assert!(found.address && !found.unicast);
        assert!(asked(&query(HOST, ANY, INTERNET | TOP)).unwrap().unicast);
        assert_eq!(asked(&query("posewire-12ac", ADDRESS, INTERNET)), None);
        assert_eq!(asked(&query("posewire", ADDRESS, INTERNET)), None);
        // IPv6: there is none, and that is an answer too.
        assert!(!asked(&query(HOST, 28, INTERNET)).unwrap().address);
        let mut response = query(HOST, ADDRESS, INTERNET);
        response[2] |= 0x80;
        assert_eq!(asked(&response), None);
    }

    #[test]
    fn answers_hold_the_address() {
        let found = asked(&query(HOST, ADDRESS, INTERNET)).unwrap();
        let bytes = answer(&found, HOST, OWN, false);
        assert_eq!(bytes, announcement(HOST, OWN));
        // Another host that hears it sees its own name taken.
        assert_eq!(read(&bytes, HOST, |_| false), Some(Message::Claimed(OWN)));
        assert_eq!(read_own(&bytes), None);
        assert_eq!(read(&bytes, "posewire-0000", |_| false), None);
        let legacy = answer(&found, HOST, OWN, true);
        assert_eq!(legacy[..2], [0, 7]);
        assert_eq!(legacy[4..8], [0, 1, 0, 1]);
        assert!(legacy.ends_with(&[0, 0, 0, 10, 0, 4, 192, 168, 1, 50]));
        let none = answer(
            &asked(&query(HOST, 28, INTERNET)).unwrap(),
            HOST,
            OWN,
            false,
        );
        assert!(none.ends_with(&[0, 1, 0x40]), "{none:?}");
    }

    #[test]
    fn a_probe_is_a_question_with_the_record_that_its_host_would_have() {
        let Some(Message::Probed(asked, OTHER)) = read_own(&probe(HOST, OTHER)) else {
            panic!("no probe");
        };
        assert!(asked.address && asked.is_probe);
        // Its own, or that of its other interface.
        let own = read_own(&probe(HOST, OWN));
        assert!(matches!(own, Some(Message::Asked(asked)) if !asked.is_probe));
    }

    #[test]
    fn an_asker_that_knows_the_answer_gets_none() {
        for (ttl_s, answered) in [(TTL_S, false), (TTL_S / 2, false), (TTL_S / 2 - 1, true)] {
            let mut bytes = query(HOST, ADDRESS, INTERNET);
            bytes[7] = 1;
            record(&mut bytes, HOST, ADDRESS, INTERNET, ttl_s, &OWN.octets());
            assert_eq!(asked(&bytes).is_some(), answered, "{ttl_s}");
        }
    }

    #[test]
    fn names_may_refer_back_and_never_forward_or_in_circles() {
        // Two questions, the second one by reference to "local" in the first.
        let mut bytes = query("other", ADDRESS, INTERNET);
        bytes[5] = 2;
        bytes.push(HOST.len() as u8);
        bytes.extend(HOST.as_bytes());
        let local = HEADER + 1 + "other".len();
        bytes.extend([0xC0, local as u8]);
        bytes.extend([0, 1, 0, 1]);
        assert!(asked(&bytes).is_some());
        for target in [12_u8, 13, 200, 0] {
            let mut bytes = query(HOST, ADDRESS, INTERNET)[..HEADER].to_vec();
            bytes.extend([0xC0, target, 0, 1, 0, 1]);
            assert_eq!(read_own(&bytes), None);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(bytes in vec(any::<u8>(), 0..600)) {
            let _ = read_own(&bytes);
        }

        #[test]
        fn damaged_messages_are_read_without_harm(
            which in 0..4_usize,
            damage in vec((0..200_usize, any::<u8>()), 1..4),
            length in 0..200_usize,
        ) {
            let question = asked(&query(HOST, ADDRESS, INTERNET)).unwrap();
            let mut bytes = [
                query(HOST, ADDRESS, INTERNET),
                probe(HOST, OTHER),
                announcement(HOST, OTHER),
                answer(&question, HOST, OTHER, true),
            ][which].clone();
            for (at, byte) in damage {
                let place = at % bytes.len();
                bytes[place] = byte;
            }
            bytes.truncate(length);
            if let Some(Message::Asked(asked) | Message::Probed(asked, _)) = read_own(&bytes) {
                prop_assert!(answer(&asked, HOST, OWN, true).len() < 512);
            }
        }
    }
}
