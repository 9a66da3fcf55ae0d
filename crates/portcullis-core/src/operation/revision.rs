//! The revisions of MCP this crate judges, and what separates their eras.

use std::fmt;

/// A revision of the Model Context Protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Revision {
    /// 2024-11-05, spoken by clients of the HTTP+SSE transport.
    V2024_11_05,
    /// 2025-03-26: streamable HTTP, batches, the first authorization chapter.
    V2025_03_26,
    /// 2025-06-18: protected resource metadata, the `MCP-Protocol-Version` header.
    V2025_06_18,
    /// 2025-11-25: tasks, Client ID Metadata Documents.
    V2025_11_25,
    /// 2026-07-28: no sessions, every request carries its revision, headers mirror the body.
    V2026_07_28,
}

/// How a revision carries its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Era {
    /// Up to 2025-11-25: an `initialize` handshake and, over HTTP, sessions.
    Legacy,
    /// From 2026-07-28: each request says what it needs in `_meta` and mirrors it in headers.
    Modern,
}

impl Revision {
    /// Newest first, as an error names them to a client that must choose.
    pub const ALL: [Revision; 5] = [
        Revision::V2026_07_28,
        Revision::V2025_11_25,
        Revision::V2025_06_18,
        Revision::V2025_03_26,
        Revision::V2024_11_05,
    ];

    /// The revision of that name, if it is one we judge.
    pub fn from_name(name: &str) -> Option<Revision> {
        Revision::ALL.into_iter().find(|revision| revision.as_str() == name)
    }

    /// The name used on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Revision::V2024_11_05 => "2024-11-05",
            Revision::V2025_03_26 => "2025-03-26",
            Revision::V2025_06_18 => "2025-06-18",
            Revision::V2025_11_25 => "2025-11-25",
            Revision::V2026_07_28 => "2026-07-28",
        }
    }

    /// The era the revision belongs to.
    pub const fn era(self) -> Era {
        match self {
            Revision::V2026_07_28 => Era::Modern,
            _ => Era::Legacy,
        }
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
