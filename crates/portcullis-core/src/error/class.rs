//! The classes of failures: a closed list, for whoever counts them.

use super::Failure;
use crate::token;

/// Makes the classes from one list, so that none is without a label and none is left out of [`FailureClass::ALL`].
macro_rules! classes {
    ($($class:ident: $label:expr, $what:literal;)+) => {
        /// Failures by class: what metrics and logs name them by.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum FailureClass {
            $(#[doc = $what] $class,)+
        }

        impl FailureClass {
            /// Every class there is, in the order of their numbers.
            pub const ALL: [FailureClass; [$(FailureClass::$class),+].len()] = [$(FailureClass::$class),+];

            /// A short lower-case name, which no other class has.
            pub const fn label(self) -> &'static str {
                match self {
                    $(FailureClass::$class => $label,)+
                }
            }
        }
    };
}

classes! {
    Credentials: "credentials", "Credentials that are not one token.";
    Message: "message", "No unambiguous MCP operation.";
    Unauthenticated: "unauthenticated", "No token.";
    Issuer: token::Class::Issuer.as_str(), "A token of another issuer.";
    Malformed: token::Class::Malformed.as_str(), "Not a token at all.";
    Algorithm: token::Class::Algorithm.as_str(), "A token with an algorithm that is not accepted.";
    Key: token::Class::Key.as_str(), "No key to verify a token with.";
    Signature: token::Class::Signature.as_str(), "A token whose signature does not verify.";
    Audience: token::Class::Audience.as_str(), "A token for another audience.";
    Lifetime: token::Class::Lifetime.as_str(), "A token too early or too late.";
    TokenType: token::Class::TokenType.as_str(), "Not an access token.";
    Claims: token::Class::Claims.as_str(), "Any other claim of a token.";
    Inactive: token::Class::Inactive.as_str(), "A token that is not active, says the issuer.";
    Possession: token::Class::Possession.as_str(), "Possession of a token's key was not shown.";
    InsufficientScope: "insufficient_scope", "Scopes are missing.";
    Forbidden: "forbidden", "No rule allows it.";
    IssuerUnavailable: "issuer_unavailable", "The issuer cannot be asked.";
    Origin: "origin", "Another page.";
    Host: "host", "Another name.";
    Session: "session", "An unknown session.";
    Task: "task", "An unknown task.";
    Rate: "rate", "Too many requests of one caller.";
    Busy: "busy", "No room.";
    Body: "body", "A body that was late or broke off.";
    Upstream: "upstream", "No answer of the protected server.";
}

impl From<token::Class> for FailureClass {
    fn from(class: token::Class) -> FailureClass {
        match class {
            token::Class::Malformed => FailureClass::Malformed,
            token::Class::Algorithm => FailureClass::Algorithm,
            token::Class::Key => FailureClass::Key,
            token::Class::Signature => FailureClass::Signature,
            token::Class::Issuer => FailureClass::Issuer,
            token::Class::Audience => FailureClass::Audience,
            token::Class::Lifetime => FailureClass::Lifetime,
            token::Class::TokenType => FailureClass::TokenType,
            token::Class::Claims => FailureClass::Claims,
            token::Class::Inactive => FailureClass::Inactive,
            token::Class::Possession => FailureClass::Possession,
        }
    }
}

impl Failure {
    /// Its class.
    pub fn class(&self) -> FailureClass {
        match self {
            Failure::Credentials(_) => FailureClass::Credentials,
            Failure::Message(_) => FailureClass::Message,
            Failure::Unauthenticated => FailureClass::Unauthenticated,
            Failure::UnknownIssuer => FailureClass::Issuer,
            Failure::Token(refusal) => refusal.class().into(),
            Failure::Proof(refusal) => refusal.class().into(),
            Failure::InsufficientScope(_) => FailureClass::InsufficientScope,
            Failure::Forbidden => FailureClass::Forbidden,
            Failure::IssuerUnavailable { .. } => FailureClass::IssuerUnavailable,
            Failure::Origin(_) => FailureClass::Origin,
            Failure::Host(_) => FailureClass::Host,
            Failure::UnknownSession => FailureClass::Session,
            Failure::UnknownTask => FailureClass::Task,
            Failure::TooManyRequests { .. } => FailureClass::Rate,
            Failure::Busy(_) => FailureClass::Busy,
            Failure::SlowBody | Failure::BrokenBody => FailureClass::Body,
            Failure::Upstream(_) => FailureClass::Upstream,
        }
    }

    /// The label of its class.
    pub fn label(&self) -> &'static str {
        self.class().label()
    }
}
