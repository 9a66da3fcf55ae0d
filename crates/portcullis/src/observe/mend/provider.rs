//! Identity providers by the shape of their issuer URL, and what to do there.

/// A provider: how its issuers look, and what is to be done there when a token of it is refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Provider {
    pub(super) name: &'static str,
    looks: &'static [Looks],
    /// So that a token names the server as its audience.
    pub(super) audience: Option<&'static str>,
    /// So that a token carries a scope.
    pub(super) scope: Option<&'static str>,
    /// So that a token says whom it is about.
    pub(super) subject: Option<&'static str>,
    /// So that a token has the type of RFC 9068, where that can be chosen.
    pub(super) typ: Option<&'static str>,
}

/// How issuers look.
#[derive(Debug, PartialEq, Eq)]
enum Looks {
    /// The host.
    Host(&'static str),
    /// The end of the host, after anything and a dot.
    Below(&'static str),
    /// A part of the path.
    Path(&'static str),
}

const PROVIDERS: &[Provider] = &[
    Provider {
        name: "Keycloak",
        looks: &[Looks::Path("/realms/")],
        audience: Some("add an audience mapper for it to a client scope that the client gets"),
        scope: Some(
            "make a client scope of that name, included in the token scope, and give it to the client",
        ),
        subject: Some("give the client the client scope \"basic\", which brings sub"),
        typ: None,
    },
    Provider {
        name: "Entra ID",
        looks: &[
            Looks::Host("login.microsoftonline.com"),
            Looks::Host("login.microsoftonline.us"),
            Looks::Host("login.partner.microsoftonline.cn"),
            Looks::Host("sts.windows.net"),
            Looks::Below("ciamlogin.com"),
        ],
        audience: Some(
            "register the server as an application of its own, let clients ask for its scopes, and write its \
             application id into \"audience\" of the server",
        ),
        scope: Some(
            "expose the scope under \"Expose an API\" of the server's application, and let clients ask for it",
        ),
        subject: None,
        typ: None,
    },
    Provider {
        name: "Okta",
        looks: &[
            Looks::Below("okta.com"),
            Looks::Below("oktapreview.com"),
            Looks::Below("okta-emea.com"),
        ],
        audience: Some(
            "set it as the audience of a custom authorization server; tokens of the org authorization server \
             are for Okta alone",
        ),
        scope: Some("add the scope to the authorization server and to an access policy of it"),
        subject: None,
        typ: None,
    },
    Provider {
        name: "Auth0",
        looks: &[Looks::Below("auth0.com")],
        audience: Some("make an API with this identifier; a client asks for it by \"audience\""),
        scope: Some("add the scope to the permissions of the API"),
        subject: None,
        typ: Some("choose the token dialect RFC 9068 for the API"),
    },
    Provider {
        name: "Google",
        looks: &[Looks::Host("accounts.google.com")],
        audience: Some(
            "its access tokens are opaque and for Google alone; a server needs an issuer of its own before it",
        ),
        scope: None,
        subject: None,
        typ: None,
    },
    Provider {
        name: "Zitadel",
        looks: &[Looks::Below("zitadel.cloud")],
        audience: Some(
            "let clients ask for the scope urn:zitadel:iam:org:project:id:PROJECT:aud, and write the project's id \
             into \"audience\" of the server",
        ),
        scope: None,
        subject: None,
        typ: None,
    },
    Provider {
        name: "GitHub Actions",
        looks: &[Looks::Host("token.actions.githubusercontent.com")],
        audience: Some("ask for the token with this audience: core.getIDToken(AUDIENCE)"),
        scope: Some("its tokens carry none: say what they stand for by \"scopes\" of the issuer"),
        subject: None,
        typ: None,
    },
];

impl Provider {
    /// The one whose issuers look like this.
    pub(super) fn of(issuer: &str) -> Option<&'static Provider> {
        let (_, rest) = issuer.split_once("://")?;
        let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let host = authority.split_once(':').map_or(authority, |(host, _)| host);
        let is_it = |looks: &Looks| match looks {
            Looks::Host(name) => host == *name,
            Looks::Below(name) => host.strip_suffix(name).is_some_and(|front| front.ends_with('.')),
            Looks::Path(part) => path.contains(part),
        };
        PROVIDERS.iter().find(|provider| provider.looks.iter().any(is_it))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn providers_are_known_by_their_issuers() {
        for (issuer, name) in [
            ("https://idp.example.com/realms/acme", Some("Keycloak")),
            ("http://localhost:8080/auth/realms/acme", Some("Keycloak")),
            ("https://idp.example.com/realm/acme", None),
            ("https://realms.example.com/", None),
            ("https://login.microsoftonline.com/T/v2.0", Some("Entra ID")),
            ("https://sts.windows.net/T/", Some("Entra ID")),
            ("https://acme.ciamlogin.com/T/v2.0", Some("Entra ID")),
            ("https://acme.okta.com/oauth2/default", Some("Okta")),
            ("https://okta.com.example.com", None),
            ("https://notokta.com", None),
            ("https://acme.eu.auth0.com/", Some("Auth0")),
            ("https://accounts.google.com", Some("Google")),
            ("https://acme-x1.zitadel.cloud", Some("Zitadel")),
            ("https://token.actions.githubusercontent.com", Some("GitHub Actions")),
            ("https://idp.example.com", None),
            ("acme", None),
        ] {
            assert_eq!(Provider::of(issuer).map(|provider| provider.name), name, "{issuer}");
        }
    }
}
