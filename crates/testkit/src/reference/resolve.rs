//! What servers make of a URI or a path before they open it: every way, together.

/// A URI as some reader takes it apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seen {
    pub(super) scheme: String,
    /// Without userinfo and port, in lower case.
    pub(super) host: String,
    /// Resolved: escapes decoded, backslashes turned, dot segments and empty segments gone.
    pub(super) path: String,
    pub(super) has_query: bool,
}

/// The text as it is, decoded once and decoded twice, each also as normalization and best-fit
/// encodings leave it.
pub(super) fn forms(text: &str) -> Vec<String> {
    let once = decoded(text);
    let twice = decoded(&once);
    let mut forms = vec![text.to_owned(), once, twice];
    forms.extend(forms.clone().iter().map(|text| normalized(text)));
    forms.sort();
    forms.dedup();
    forms
}

/// Percent-encoding resolved wherever it can be; a NUL ends what a file API is told.
fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let Some((&byte, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let digits = digits.filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()));
        match digits.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(meant) if byte == b'%' => {
                bytes.push(meant);
                rest = &after[2..];
            }
            _ => {
                bytes.push(byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).split('\0').next().unwrap_or_default().to_owned()
}

/// Fullwidth and other forms of dots and slashes are the plain ones.
fn normalized(text: &str) -> String {
    text.chars()
        .filter(|c| !matches!(c, '\u{200b}' | '\u{feff}' | '\u{ad}'))
        .map(|c| match c {
            '\u{ff0e}' | '\u{2024}' | '\u{fe52}' => '.',
            '\u{ff0f}' | '\u{2044}' | '\u{2215}' => '/',
            '\u{ff3c}' | '\u{fe68}' | '\u{2216}' => '\\',
            other => other,
        })
        .collect::<String>()
        .replace('\u{2025}', "..")
}

/// Backslashes are slashes, empty segments and `.` vanish, `..` takes the one before with it. Blanks
/// around dots, and parameters behind them, are no disguise. What climbs above the start of a relative
/// path keeps its `..`; above the root there is nothing.
fn climbed(path: &str) -> String {
    let path = path.replace('\\', "/");
    let is_absolute = path.starts_with('/');
    let mut kept: Vec<&str> = Vec::new();
    let mut is_directory = false;
    for segment in path.split('/') {
        let dots = segment.split(';').next().unwrap_or_default().trim();
        is_directory = matches!(dots, "" | "." | "..") && !segment.starts_with(';');
        match dots {
            "." => {}
            ".." => match kept.last() {
                Some(&last) if last != ".." => drop(kept.pop()),
                _ if is_absolute => {}
                _ => kept.push(".."),
            },
            _ if segment.is_empty() => {}
            _ => kept.push(segment),
        }
    }
    let slash = if is_directory && !kept.is_empty() { "/" } else { "" };
    format!("{}{}{slash}", if is_absolute { "/" } else { "" }, kept.join("/"))
}

/// Every path that a file API may end at.
pub(super) fn paths(text: &str) -> Vec<String> {
    let mut paths: Vec<String> = forms(text).iter().map(|form| climbed(form)).collect();
    paths.sort();
    paths.dedup();
    paths
}

/// Every way to take a URI apart: by RFC 3986, or as the Web does with backslashes for slashes, any
/// number of them before a host, and without tabs and line ends; userinfo up to the first `@` or the last.
pub(super) fn uris(text: &str) -> Vec<Seen> {
    let mut seen = Vec::new();
    for form in forms(text) {
        let web: String =
            form.trim().chars().filter(|c| !c.is_control()).collect::<String>().replace('\\', "/");
        let (scheme, after) = web.split_once(':').unwrap_or(("", &web));
        let behind = after.trim_start_matches('/');
        let is_web =
            matches!(&*scheme.to_ascii_lowercase(), "http" | "https" | "ws" | "wss" | "ftp");
        let web = if is_web { format!("{scheme}://{behind}") } else { web.clone() };
        for text in [form, web] {
            for last in [false, true] {
                seen.extend(apart(&text, last));
            }
        }
    }
    seen.sort();
    seen.dedup();
    seen
}

fn apart(text: &str, last_at: bool) -> Vec<Seen> {
    let (scheme, rest) = text.split_once(':').unwrap_or(("", text));
    let rest = rest.split('#').next().unwrap_or_default();
    let (authority, rest) = match rest.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len())),
        None => ("", rest),
    };
    let split = if last_at { authority.rsplit_once('@') } else { authority.split_once('@') };
    let host = split.map_or(authority, |(_, host)| host);
    let host = host.split(':').next().unwrap_or_default().to_lowercase();
    let (path, has_query) = rest.split_once('?').map_or((rest, false), |(path, _)| (path, true));
    let seen = |path| Seen { scheme: scheme.to_lowercase(), host: host.clone(), path, has_query };
    paths(path).into_iter().map(seen).collect()
}
