//! collectd, which takes no tags, parses every line of the format without tags.

use std::collections::BTreeMap;

use crate::expected::{Expected, assert_same};
use crate::exposition;
use crate::program;
use crate::support::asked_to_skip;
use crate::support::collectd::{Collectd, NAME_CHARACTERS_MAX};

type Table = BTreeMap<String, f64>;

#[test]
fn collectd_parses_every_line_and_has_the_values() {
    if asked_to_skip("agents") {
        return;
    }
    for scrape in exposition::complete_scrapes() {
        let name = exposition::file_name(&scrape);
        let expected = Expected::from_zero(&exposition::samples(&scrape));
        let mut counters = with_short_names(expected.counters);
        // It counts whole numbers.
        for value in counters.values_mut() {
            *value = value.round();
        }
        let mut gauges = with_short_names(expected.gauges);
        // It writes six digits behind the point.
        for value in gauges.values_mut() {
            *value = format!("{value:.6}").parse().unwrap();
        }
        assert!(counters.len() > 20 && gauges.len() > 40, "{name}: too little");

        let mut collectd = Collectd::start();
        collectd.send(&program::pack(&program::lines_from_zero("etsy", &scrape)));
        collectd.wait_for_names(counters.keys().chain(gauges.keys()).map(String::as_str));
        assert_eq!(collectd.unparsed_lines(), Vec::<String>::new(), "{name}");
        let what = format!("{name}: counters");
        assert_same(&what, &with_short_names(collectd.counters()), &counters);
        let what = format!("{name}: gauges");
        assert_same(&what, &with_short_names(collectd.gauges()), &gauges);
    }
}

/// It cuts longer names, so one of exactly the limit's length may stand for several.
fn with_short_names(mut table: Table) -> Table {
    table.retain(|name, _| name.len() < NAME_CHARACTERS_MAX);
    table
}
