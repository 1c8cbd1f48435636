//! The law in figures: of every series, what was sent and what is owed are what it grew by.

use std::collections::BTreeMap;

use super::Key;
use super::number::{Number, Value};

/// What the sums of a sequence stay exact with: so many places, and values below ten to this power.
const PLACES_MAX: i32 = 6;
const POWER_MAX: u32 = 9;

/// The accounts, by series. One that had an amount that a sum may round has none.
#[derive(Default)]
pub(super) struct Ledger(BTreeMap<Key, Option<Account>>);

struct Account {
    growth: Number,
    /// Or lost for good, because it is larger than a datagram.
    sent: Number,
}

impl Ledger {
    pub(super) fn grew(&mut self, key: &Key, value: Number, growth: Number) {
        let account = self.0.entry(key.clone());
        let account = account.or_insert(Some(Account { growth: Number::ZERO, sent: Number::ZERO }));
        match account {
            Some(account)
                if value.is_short(PLACES_MAX, POWER_MAX) && growth.is_short(PLACES_MAX, POWER_MAX) =>
            {
                account.growth = account.growth.plus(growth);
            }
            account => *account = None,
        }
    }

    /// This line was taken, or what it says was lost.
    pub(super) fn sent(&mut self, key: &Key, line: &str) {
        let (_, value) = line.split_once(':').expect("name:value");
        let (value, _) = value.split_once('|').expect("value|kind");
        let value = Value::parse(value).and_then(Value::finite).expect("a number");
        if let Some(Some(account)) = self.0.get_mut(key) {
            account.sent = account.sent.plus(value);
        }
    }

    /// Whether the law holds with this owed.
    pub(super) fn check(&self, owed: impl Fn(&Key) -> Number) {
        for (key, account) in &self.0 {
            let Some(Account { growth, sent }) = account else { continue };
            let owed = owed(key);
            assert_eq!(sent.plus(owed), *growth, "{key}: sent {sent:?}, owed {owed:?}");
        }
    }
}
