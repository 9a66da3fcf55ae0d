//! A moment as logs show it.

use std::time::Duration;

use portcullis_core::time::UnixTime;

/// A point in time to the millisecond: what [`UnixTime`] is to tokens, this is to whoever reads logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    seconds: u64,
    millis: u16,
}

impl Moment {
    /// So long after 1970-01-01T00:00:00Z. What is finer than a millisecond is cut off, and what a year of
    /// four digits cannot hold is its last second.
    pub fn since_epoch(duration: Duration) -> Self {
        let seconds = duration.as_secs().min(UnixTime::MAX.as_secs());
        Moment { seconds, millis: u16::try_from(duration.subsec_millis()).unwrap_or(999) }
    }

    /// RFC 3339 in UTC, such as `2026-11-20T00:00:00.000Z`.
    pub fn to_rfc3339(self) -> [u8; 24] {
        let (year, month, day) = date(self.seconds / 86_400);
        let second = self.seconds % 86_400;
        let mut out = *b"0000-00-00T00:00:00.000Z";
        let [
            y1,
            y2,
            y3,
            y4,
            _,
            mo1,
            mo2,
            _,
            d1,
            d2,
            _,
            h1,
            h2,
            _,
            mi1,
            mi2,
            _,
            s1,
            s2,
            _,
            f1,
            f2,
            f3,
            _,
        ] = &mut out;
        digits([y1, y2, y3, y4], year);
        digits([mo1, mo2], month);
        digits([d1, d2], day);
        digits([h1, h2], second / 3600);
        digits([mi1, mi2], second / 60 % 60);
        digits([s1, s2], second % 60);
        digits([f1, f2, f3], u64::from(self.millis));
        out
    }
}

/// Seconds since 1970, with milliseconds.
impl From<Moment> for Duration {
    fn from(moment: Moment) -> Duration {
        Duration::from_secs(moment.seconds) + Duration::from_millis(moment.millis.into())
    }
}

fn digits<const N: usize>(places: [&mut u8; N], mut number: u64) {
    for place in places.into_iter().rev() {
        *place = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar. Years begin in March
/// here, so that a leap day is the last of its year, and every 400 of them are alike.
fn date(day: u64) -> (u64, u64, u64) {
    const FROM_MARCH_OF_YEAR_0: u64 = 719_468;
    const FOUR_CENTURIES: u64 = 146_097;
    let day = day + FROM_MARCH_OF_YEAR_0;
    let (era, day) = (day / FOUR_CENTURIES, day % FOUR_CENTURIES);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(seconds: u64, millis: u64) -> String {
        let moment = Duration::from_secs(seconds) + Duration::from_millis(millis);
        String::from_utf8(Moment::since_epoch(moment).to_rfc3339().to_vec()).unwrap()
    }

    #[test]
    fn moments_are_shown_as_rfc_3339() {
        // By `date --utc --date=@SECONDS`.
        for (seconds, millis, expected) in [
            (0, 0, "1970-01-01T00:00:00.000Z"),
            (951_782_399, 999, "2000-02-28T23:59:59.999Z"),
            (951_782_400, 0, "2000-02-29T00:00:00.000Z"),
            (951_868_800, 1, "2000-03-01T00:00:00.001Z"),
            (1_709_251_199, 0, "2024-02-29T23:59:59.000Z"),
            (1_795_132_800, 42, "2026-11-20T00:00:00.042Z"),
            (4_107_542_400, 0, "2100-03-01T00:00:00.000Z"),
            (253_402_300_799, 0, "9999-12-31T23:59:59.000Z"),
        ] {
            assert_eq!(shown(seconds, millis), expected);
        }
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut before = date(0);
        for day in 1..200_000 {
            let (year, month, number) = date(day);
            let next = match before {
                (y, 12, 31) => (y + 1, 1, 1),
                (y, m, d) if (year, month, number) == (y, m + 1, 1) => {
                    assert!(d >= 28);
                    (y, m + 1, 1)
                }
                (y, m, d) => (y, m, d + 1),
            };
            assert_eq!((year, month, number), next);
            before = next;
        }
    }

    #[test]
    fn no_moment_is_too_far() {
        assert_eq!(shown(u64::MAX, 0), "9999-12-31T23:59:59.000Z");
    }
}
