//! The card of a model file, of any kind.

use super::card::{CardError, ModelCard};
use super::finder::FinderCard;
use serde::{Deserialize, Serialize};

/// The kind of a network, by the task that its card names.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum Card {
    /// Joints of one hand or body.
    Pose(ModelCard),
    /// Places of hands and persons.
    Finder(FinderCard),
}

/// The field that tells which fields there are.
#[derive(Deserialize)]
struct Kind {
    task: String,
}

impl Card {
    pub fn from_json(text: &str) -> Result<Self, CardError> {
        if !is_finder(serde_json::from_str(text).ok()) {
            return ModelCard::from_json(text).map(Card::Pose);
        }
        let card: FinderCard = serde_json::from_str(text).map_err(|error| CardError {
            field: "posewire.card",
            what: error.to_string(),
        })?;
        card.checked().map(Card::Finder)
    }

    #[cfg(any(feature = "onnx", test))]
    pub fn from_toml(text: &str) -> Result<Self, CardError> {
        if !is_finder(toml::from_str(text).ok()) {
            return ModelCard::from_toml(text).map(Card::Pose);
        }
        let card: FinderCard = toml::from_str(text).map_err(|error| CardError {
            field: "card",
            what: error.to_string(),
        })?;
        card.checked().map(Card::Finder)
    }

    #[cfg(feature = "onnx")]
    pub fn input_shape(&self) -> [usize; 4] {
        match self {
            Card::Pose(card) => card.input_shape(),
            Card::Finder(card) => card.input_shape(),
        }
    }
}

fn is_finder(kind: Option<Kind>) -> bool {
    kind.is_some_and(|kind| kind.task == "finder")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{finder_test_card, test_card};

    #[test]
    fn the_task_tells_the_kind_in_json_and_in_toml() {
        let cards = [Card::Pose(test_card()), Card::Finder(finder_test_card())];
        for card in cards {
            let json = serde_json::to_string(&card).unwrap();
            assert_eq!(Card::from_json(&json).unwrap(), card);
            let value: serde_json::Value = serde_json::from_str(&json).unwrap();
            let fields = value.as_object().unwrap().iter();
            let text: String = fields
                .map(|(key, value)| format!("{key} = {value}\n"))
                .collect();
            assert_eq!(Card::from_toml(&text).unwrap(), card);
        }
    }

    #[test]
    fn unknown_tasks_and_fields_are_named() {
        let json = serde_json::to_string(&finder_test_card()).unwrap();
        let error = Card::from_json(&json.replace("\"finder\"", "\"face\"")).unwrap_err();
        assert!(error.what.contains("face"), "{}", error.what);
        let error = Card::from_json(&json.replace("\"bones\"", "\"stones\"")).unwrap_err();
        assert!(error.what.contains("stones"), "{}", error.what);
        assert!(Card::from_json("").is_err() && Card::from_toml("task = 3").is_err());
    }
}
