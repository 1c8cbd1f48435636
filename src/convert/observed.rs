//! What the histograms of a scrape observed, from buckets here and there in a body to the lines of a distribution.
//!
//! A bucket says something only beside its neighbours, and those may stand anywhere, so all buckets are noted
//! until the body has ended. Then whatever the ranges between them grew by is put together with what is owed of
//! earlier scrapes: both are a line and a count, and lines that say the same are one. So the ledger of
//! observations is by the line that tells of them: *told + owed = grown*, for each, whatever becomes of its series.

use std::borrow::Cow;
use std::num::NonZeroU32;
use std::ops::Range;

use super::canonical::{canonical, write_head};
use super::distribution::{self, Bound, Bucket};
use super::{Converter, OBSERVATIONS, name};
use crate::decimal::Decimal;
use crate::exposition::{Role, Sample};
use crate::fingerprint::{Fingerprint, FingerprintMap, Fingerprints};
use crate::series::{Line, Place, Series};
use crate::statsd::{DistributionLine, Format, Kind, Metric, Pushed, shares};
use crate::wide::Text;

/// The most observations of one line that are owed: what a number keeps exactly, and more than can ever be told.
const OWED_OBSERVATIONS_MAX: u64 = 999_999_999_999_999_999;

/// What the lines of one scrape's observations take at most, in bytes.
pub(super) const OBSERVED_BYTES_MAX: usize = 256 << 20;
/// What a value and a rate add to such a line, as far as anybody writes bounds.
const VALUE_BYTES: usize = 64;
/// What the lines take at most by which one value is told in several shares, beside the first, in bytes; the rest is
/// owed.
pub(super) const SHARES_BYTES_MAX: usize = 64 << 20;

/// The buckets of the scrape being read, and what becomes of them. Everything is used again for the next one.
#[derive(Debug, Default)]
pub(super) struct Observed {
    buckets: Vec<Bucket>,
    /// By number, in order of appearance.
    histograms: Vec<Histogram>,
    numbers: FingerprintMap<u32>,
    /// Lines of histograms in which something grew, one each, with the value 0.
    heads: Vec<u8>,
    /// The lines that tell, each of one observation.
    text: Text,
    lines: Vec<Told>,
}

#[derive(Debug)]
struct Histogram {
    identity: Fingerprint,
    /// Its line in `heads`; empty as long as nothing in it grew.
    head: Range<usize>,
    /// How many of its buckets grew.
    grown: usize,
}

/// Observations, and the line in `text` that tells of one of them.
#[derive(Debug)]
struct Told {
    line: Range<usize>,
    observations: u64,
}

impl Observed {
    /// Nothing yet. Room is kept for as much as there was.
    pub(super) fn clear(&mut self) {
        let Self { buckets, histograms, numbers, heads, text, lines } = self;
        empty(buckets);
        empty(histograms);
        empty(heads);
        text.clear();
        empty(lines);
        numbers.shrink_to_fit();
        numbers.clear();
    }

    /// Notes a bucket. Returns whether the line of its histogram is needed now: see [`Self::set_head`].
    fn add(&mut self, identity: Fingerprint, bound: Bound, growth: u64) -> bool {
        // The bucket before is of the same histogram nearly always.
        let last = self.buckets.last().map(Bucket::histogram);
        let is_last = |number: &u32| self.histogram(*number).is_some_and(|last| last.identity == identity);
        let number = last.filter(is_last).unwrap_or_else(|| self.number(identity));
        self.buckets.push(Bucket::new(number, bound, growth));
        if let Some(histogram) = self.histograms.get_mut(number as usize) {
            histogram.grown += usize::from(growth > 0);
        }
        growth > 0 && self.histogram(number).is_some_and(|histogram| histogram.head.is_empty())
    }

    fn histogram(&self, number: u32) -> Option<&Histogram> {
        self.histograms.get(number as usize)
    }

    fn number(&mut self, identity: Fingerprint) -> u32 {
        let new = u32::try_from(self.histograms.len()).unwrap_or(u32::MAX);
        let number = *self.numbers.entry(identity).or_insert(new);
        if number == new {
            self.histograms.push(Histogram { identity, head: 0..0, grown: 0 });
        }
        number
    }

    /// Whether its lines would take more than [`OBSERVED_BYTES_MAX`].
    pub(super) fn are_too_many(&self) -> bool {
        let bytes = |histogram: &Histogram| histogram.grown * (histogram.head.len() + VALUE_BYTES);
        self.heads.len() > OBSERVED_BYTES_MAX
            || self.histograms.iter().map(bytes).sum::<usize>() > OBSERVED_BYTES_MAX
    }

    /// The line that tells of one observation of the last bucket's histogram, whatever its value.
    fn set_head(&mut self, line: &[u8]) {
        if self.heads.len() > OBSERVED_BYTES_MAX {
            return;
        }
        let head = self.heads.len()..self.heads.len() + line.len();
        self.heads.extend_from_slice(line);
        let number = self.buckets.last().map_or(0, Bucket::histogram);
        if let Some(histogram) = self.histograms.get_mut(number as usize) {
            histogram.head = head;
        }
    }

    /// Observations that are owed, and the line that tells of one of them, or of several.
    pub(super) fn add_owed(&mut self, line: &DistributionLine<'_>, observations: u64) {
        let begin = self.text.len();
        line.write(NonZeroU32::MIN, &mut self.text);
        self.lines.push(Told { line: begin..self.text.len(), observations });
    }

    /// The body has ended: ranges become lines, and lines that say the same one.
    fn gather(&mut self) {
        self.buckets.sort_by_key(Bucket::histogram);
        let Self { buckets, histograms, heads, text, lines, .. } = self;
        let mut value_text = Vec::new();
        for buckets in buckets.chunk_by_mut(|left, right| left.histogram() == right.histogram()) {
            let histogram = buckets.first().and_then(|first| histograms.get(first.histogram() as usize));
            let head = histogram.and_then(|histogram| heads.get(histogram.head.clone()));
            let Some(head) = head.and_then(DistributionLine::parse) else { continue };
            distribution::observations(buckets, |value, observations| {
                value_text.clear();
                value.write_to(&mut value_text);
                let begin = text.len();
                head.with_value(&value_text).write(NonZeroU32::MIN, text);
                lines.push(Told { line: begin..text.len(), observations });
            });
        }
        let of = |told: &Told| text.get(told.line.start, told.line.end).unwrap_or_default();
        lines.sort_by(|left, right| of(left).cmp(of(right)));
        lines.dedup_by(|next, kept| {
            let is_same = of(next) == of(kept);
            if is_same {
                kept.observations = kept.observations.saturating_add(next.observations);
            }
            is_same
        });
    }

    /// A line was not taken, so its observations are owed.
    pub(super) fn refused(&mut self, text: &[u8], fingerprints: &Fingerprints, series: &mut Series) {
        let Some(line) = DistributionLine::parse(text) else { return };
        let observations = Decimal::whole_number(line.observations().into());
        self.text.truncate(0);
        line.write(NonZeroU32::MIN, &mut self.text);
        series.owe_more(fingerprints.of(self.text.as_slice()), observations, self.text.as_slice());
    }

    fn lines(&self) -> impl Iterator<Item = (&[u8], u64)> {
        self.lines.iter().filter_map(|Told { line, observations }| {
            Some((self.text.get(line.start, line.end)?, (*observations).min(OWED_OBSERVATIONS_MAX)))
        })
    }
}

impl Converter {
    /// A bucket whose histogram is sent as a distribution.
    #[inline(never)]
    pub(super) fn bucket(&mut self, sample: &Sample<'_>, line: &Line, place: Place, value: Decimal) {
        let growth = self.series.grow(place, line, value);
        let is_where_counting_begins = place == Place::New && !self.series.was_absent();
        let Some(bound) = bound(sample).filter(|_| !is_where_counting_begins) else { return };
        let histogram = self.histogram(sample);
        if self.observed.add(histogram, bound, distribution::whole_growth(value, growth)) {
            self.encode_one(sample);
            self.observed.set_head(self.reading.line_text.as_slice());
        }
    }

    /// The fingerprint of the bucket's head in its canonical form, without its bound.
    fn histogram(&mut self, sample: &Sample<'_>) -> Fingerprint {
        if let Some((key, bound)) = sample.usual().map(|usual| usual.last(sample.head))
            && key == BOUND.as_bytes()
        {
            // It ends in `,le="0.5"} `, with a brace in place of the comma if there is no other label.
            let end = sample.head.len().saturating_sub(BOUND.len() + bound.len() + ",=\"\"} ".len());
            return self.fingerprints.of(sample.head.get(..end).unwrap_or_default());
        }
        let mut labels = canonical(&sample.labels());
        labels.retain(|(key, _)| key != BOUND);
        let head = &mut self.reading.head;
        write_head(&sample.name(), &labels, head);
        let end = head.len() - if labels.is_empty() { " " } else { "} " }.len();
        self.fingerprints.of(head.as_bytes().get(..end).unwrap_or_default())
    }

    /// Writes the line of one observation, of the value 0.
    fn encode_one(&mut self, sample: &Sample<'_>) {
        let mut labels = canonical(&sample.labels());
        labels.retain(|(key, _)| key != BOUND);
        let (labels, _) = self.labeling.sent(sample, labels);
        let tags = name::datadog_tags(&labels, Role::HistogramBucket, &self.namespace);
        let name = sample.name();
        let name = name.strip_suffix("_bucket").unwrap_or(&name);
        let kind = Kind::Distribution { observations: NonZeroU32::MIN };
        let line = &mut self.reading.line_text;
        line.truncate(0);
        self.encoder.encode(&Metric { name, tags: &tags, kind, value: Decimal::ZERO }, line);
    }

    /// The body has ended, and counts: tells of what was observed, as far as the lines of one scrape go; the rest
    /// is owed.
    pub(super) fn tell_observations(&mut self) {
        let mut observed = std::mem::take(&mut self.observed);
        observed.gather();
        let mut more_bytes = SHARES_BYTES_MAX;
        for (text, observations) in observed.lines() {
            let Some(line) = DistributionLine::parse(text).filter(|_| self.format == Format::Datadog) else {
                continue;
            };
            let mut rest = observations;
            for (number, share) in shares(observations).enumerate() {
                let line_text = &mut self.reading.line_text;
                line_text.truncate(0);
                line.write(share, line_text);
                if number > 0 {
                    let Some(left) = more_bytes.checked_sub(line_text.len()) else { break };
                    more_bytes = left;
                }
                let pushed =
                    self.packets.push(Some(OBSERVATIONS), |out| out.push_slice(line_text.as_slice()));
                rest -= u64::from(share.get());
                self.count_pushed(pushed, Some(OBSERVATIONS));
                if pushed == Pushed::TooLarge {
                    rest = 0;
                    break;
                }
            }
            if rest > 0 {
                self.series.owe_more(self.fingerprints.of(text), Decimal::whole_number(rest), text);
            }
        }
        self.observed = observed;
    }
}

fn empty<T>(list: &mut Vec<T>) {
    list.shrink_to_fit();
    list.clear();
}

/// The label that bounds a bucket.
const BOUND: &str = "le";

/// Up to where a bucket goes, as it stands there; in a canonical head that is the last label nearly always.
pub(super) fn bound_text<'a>(sample: &Sample<'a>) -> Option<Cow<'a, str>> {
    match sample.usual().map(|usual| usual.last(sample.head)) {
        Some((key, bound)) if key == BOUND.as_bytes() => str::from_utf8(bound).ok().map(Cow::Borrowed),
        _ => sample.labels().get(BOUND),
    }
}

/// Up to where a bucket goes; `None` if that is not known, so that nothing is known of what it holds.
pub(super) fn bound(sample: &Sample<'_>) -> Option<Bound> {
    Bound::parse(&bound_text(sample)?)
}
