//! Access tokens as identity providers write them, and the ID tokens of the same logins.
//!
//! None of these headers says `at+jwt`, so the claims must tell the two apart. The audience does not: each
//! server here also answers to its client identifier, as operators of these providers often have it.

use super::*;

struct Vendor {
    name: &'static str,
    issuer: &'static str,
    /// The header's `typ`.
    typ: Option<&'static str>,
    /// A claim that only access tokens have, where nothing else shows what they are.
    named: Option<&'static str>,
    /// What an operator is likely to require, and what does not tell the two apart.
    required: (&'static str, &'static str),
    access: Option<Value>,
    id: Value,
    refusal: Refusal,
}

const CLIENT: &str = "6731de76-14a6-49ae-97bc-6eba6914391e";

impl Vendor {
    fn expectation(&self) -> Expectation {
        let expectation =
            expectation_of(self.issuer, AUDIENCE).also_for([CLIENT]).accept_typ(["JWT"]);
        match self.named {
            Some(claim) => expectation.access_token_claim(path(&[claim])),
            None => expectation,
        }
    }

    fn required(&self) -> Expectation {
        self.expectation().require(path(&[self.required.0]), [self.required.1])
    }

    /// The fixture with what all of them have.
    fn claims(&self, fixture: &Value) -> Value {
        let mut claims = fixture.clone();
        for (name, value) in
            [("iss", json!(self.issuer)), ("exp", json!(NOW + 3600)), ("iat", json!(NOW))]
        {
            claims[name] = value;
        }
        claims
    }

    fn signer(&self) -> Signer {
        match self.typ {
            Some(typ) => Signer::new(TestKey::Rsa).typ(typ),
            None => Signer::new(TestKey::Rsa).without("typ"),
        }
    }
}

// req: RS-3
#[test]
fn an_access_token_is_accepted_and_the_id_token_of_the_same_login_is_not() {
    for vendor in vendors() {
        let name = vendor.name;
        if let Some(access) = &vendor.access {
            let token = vendor.signer().sign(&vendor.claims(access));
            assert!(judge(&token, vendor.expectation()).is_ok(), "{name}");
            assert!(judge(&token, vendor.required()).is_ok(), "{name}");
        }
        let id = vendor.claims(&vendor.id);
        let token = vendor.signer().sign(&id);
        for expectation in [vendor.expectation(), vendor.required()] {
            let refusal = judge(&token, expectation).unwrap_err();
            assert_eq!(refusal.class(), Class::TokenType, "{name}");
            assert_eq!(refusal, vendor.refusal, "{name}");
        }
        // Everything else about it is in order: were it an access token, it would pass.
        let mut twin = id;
        twin.as_object_mut()
            .unwrap()
            .retain(|claim, _| !["typ", "token_use"].contains(&&claim[..]));
        let twin = Signer::new(TestKey::Rsa).sign(&twin);
        assert!(judge(&twin, vendor.required()).is_ok(), "{name}");
    }
}

fn vendors() -> [Vendor; 9] {
    [
        keycloak(),
        entra(),
        entra_app(),
        okta(),
        auth0(),
        google(),
        google_service(),
        cognito(),
        github(),
    ]
}

fn keycloak() -> Vendor {
    Vendor {
        name: "Keycloak",
        issuer: "https://sso.example.com/realms/acme",
        typ: Some("JWT"),
        named: None,
        required: ("azp", CLIENT),
        access: Some(json!({
            "jti": "onrtac:2b6f5d3e", "aud": [AUDIENCE, "account"], "sub": "f3b8a1c0", "typ": "Bearer",
            "azp": CLIENT, "sid": "a3d1", "acr": "1", "allowed-origins": ["https://app.example.com"],
            "realm_access": {"roles": ["employee"]}, "scope": "openid email profile",
            "email_verified": true, "preferred_username": "alice", "email": "alice@example.com",
        })),
        id: json!({
            "auth_time": NOW, "jti": "9d3f", "aud": CLIENT, "sub": "f3b8a1c0", "typ": "ID", "azp": CLIENT,
            "sid": "a3d1", "at_hash": "fU8YyQxT6iYcUBDO4mV1Sg", "acr": "1", "email_verified": true,
            "preferred_username": "alice", "email": "alice@example.com",
        }),
        refusal: Refusal::OtherPurpose("typ"),
    }
}

fn entra() -> Vendor {
    Vendor {
        name: "Entra ID v2",
        issuer: "https://login.microsoftonline.com/72f988bf/v2.0",
        typ: Some("JWT"),
        named: None,
        required: ("tid", "72f988bf"),
        access: Some(json!({
            "aud": CLIENT, "nbf": NOW, "azp": "7ab9", "azpacr": "0", "name": "Alice", "oid": "690222be",
            "preferred_username": "alice@example.com", "rh": "0.AAAA", "scp": "access_as_user",
            "sub": "HKZpfaHyWadeOouYlitjrI", "tid": "72f988bf", "uti": "fqiBqXLPj0eQa82S", "ver": "2.0",
        })),
        // Without nonce, as the code flow has it where the client sent none.
        id: json!({
            "aud": CLIENT, "nbf": NOW, "name": "Alice", "oid": "690222be", "rh": "0.AAAA",
            "preferred_username": "alice@example.com", "sub": "HKZpfaHyWadeOouYlitjrI",
            "tid": "72f988bf", "uti": "fqiBqXLPj0eQa82S", "ver": "2.0", "roles": ["admin"],
        }),
        refusal: Refusal::NoEvidence,
    }
}

/// Client credentials: roles and no `scp`.
fn entra_app() -> Vendor {
    Vendor {
        name: "Entra ID v2, application",
        named: Some("azpacr"),
        access: Some(json!({
            "aud": CLIENT, "nbf": NOW, "azp": "7ab9", "azpacr": "1", "oid": "690222be",
            "roles": ["Files.Read"], "sub": "690222be", "tid": "72f988bf", "ver": "2.0",
        })),
        ..entra()
    }
}

fn okta() -> Vendor {
    Vendor {
        name: "Okta",
        issuer: "https://acme.okta.com/oauth2/default",
        typ: None,
        named: None,
        required: ("ver", "1"),
        access: Some(json!({
            "ver": "1", "jti": "AT.0mP4JKAZX1iACIT4vbEDF7LpvDVjxypPMf0D7uX39RE", "aud": AUDIENCE,
            "cid": CLIENT, "uid": "00uid4BxXw6I6TV4m0g3", "scp": ["openid", "files"],
            "auth_time": NOW, "sub": "alice@example.com",
        })),
        id: json!({
            "sub": "00uid4BxXw6I6TV4m0g3", "ver": "1", "aud": CLIENT, "jti": "ID.4eAWJOCMB3SX8XewDfVR",
            "amr": ["pwd"], "idp": "00o1", "nonce": "n-0S6_WzA2Mj", "auth_time": NOW,
            "preferred_username": "alice@example.com", "at_hash": "cpqKfdQA5eH891Ff5oJr_Q",
        }),
        refusal: Refusal::NoEvidence,
    }
}

fn auth0() -> Vendor {
    Vendor {
        name: "Auth0",
        issuer: "https://acme.eu.auth0.com/",
        typ: Some("JWT"),
        named: None,
        required: ("org_id", "org_9ybsU1dN2dKfDkBi"),
        access: Some(json!({
            "sub": "auth0|5f7c8ec7c33c6c004bbafe82", "azp": CLIENT, "scope": "openid profile files:read",
            "aud": [AUDIENCE, "https://acme.eu.auth0.com/userinfo"],
            "org_id": "org_9ybsU1dN2dKfDkBi", "permissions": ["files:read"],
        })),
        id: json!({
            "nickname": "alice", "name": "alice@example.com", "picture": "https://s.example.com/a.png",
            "updated_at": "2026-11-19T23:00:00.000Z", "email": "alice@example.com", "aud": CLIENT,
            "email_verified": true, "sub": "auth0|5f7c8ec7c33c6c004bbafe82", "sid": "tG9c",
            "org_id": "org_9ybsU1dN2dKfDkBi",
        }),
        refusal: Refusal::NoEvidence,
    }
}

/// Its access tokens are opaque.
fn google() -> Vendor {
    Vendor {
        name: "Google",
        issuer: "https://accounts.google.com",
        typ: Some("JWT"),
        named: None,
        required: ("hd", "example.com"),
        access: None,
        id: json!({
            "azp": CLIENT, "aud": CLIENT, "sub": "110169484474386276334", "hd": "example.com",
            "email": "alice@example.com", "email_verified": true,
            "at_hash": "HK6E_P6Dh8Y93mRNtsDB1Q", "nonce": "n-0S6_WzA2Mj",
        }),
        refusal: Refusal::NoEvidence,
    }
}

/// A service account asks for an ID token of any audience it likes, and there is no login to tie it to.
fn google_service() -> Vendor {
    Vendor {
        name: "Google, service account",
        required: ("email_domain", "acme"),
        id: json!({
            "azp": "117", "aud": AUDIENCE, "sub": "117", "email_verified": true, "email_domain": "acme",
            "email": "ci@acme.iam.gserviceaccount.com",
        }),
        ..google()
    }
}

fn cognito() -> Vendor {
    Vendor {
        name: "Cognito",
        issuer: "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_aBcDeFgHi",
        typ: None,
        named: None,
        required: ("origin_jti", "b6e8"),
        // `aud` by resource binding; Cognito leaves it out otherwise.
        access: Some(json!({
            "sub": "aaaaaaaa-bbbb", "client_id": CLIENT, "origin_jti": "b6e8", "event_id": "64f5",
            "token_use": "access", "scope": "openid files/read", "auth_time": NOW, "jti": "1c3d",
            "version": 2, "username": "alice", "aud": AUDIENCE, "cognito:groups": ["staff"],
        })),
        id: json!({
            "sub": "aaaaaaaa-bbbb", "cognito:groups": ["staff"], "cognito:username": "alice",
            "email": "alice@example.com", "email_verified": true, "aud": CLIENT, "event_id": "64f5",
            "origin_jti": "b6e8", "token_use": "id", "auth_time": NOW, "jti": "2d4e",
        }),
        refusal: Refusal::OtherPurpose("token_use"),
    }
}

/// There are no logins and no ID tokens, but other tokens of the same keys without the claim named.
fn github() -> Vendor {
    Vendor {
        name: "GitHub Actions",
        issuer: "https://token.actions.githubusercontent.com",
        typ: Some("JWT"),
        named: Some("repository"),
        required: ("repository_owner", "acme"),
        access: Some(json!({
            "jti": "example-id", "sub": "repo:acme/app:environment:prod", "environment": "prod",
            "aud": AUDIENCE, "ref": "refs/heads/main", "sha": "e1c5", "repository": "acme/app",
            "repository_owner": "acme", "run_id": "9", "actor": "alice", "workflow": "release",
            "event_name": "push", "job_workflow_ref": "acme/app/.github/workflows/r.yml@refs/heads/main",
        })),
        id: json!({
            "jti": "example-id", "sub": "enterprise:acme", "aud": AUDIENCE, "repository_owner": "acme",
        }),
        refusal: Refusal::NoEvidence,
    }
}

#[test]
fn a_workload_token_needs_its_claim_named() {
    let github = github();
    let token = github.signer().sign(&github.claims(github.access.as_ref().unwrap()));
    let required = expectation_of(github.issuer, AUDIENCE)
        .accept_typ(["JWT"])
        .require(path(&["repository"]), ["acme/app"]);
    assert_eq!(judge(&token, required.clone()).unwrap_err(), Refusal::NoEvidence);
    assert!(judge(&token, required.access_token_claim(path(&["repository"]))).is_ok());
}
