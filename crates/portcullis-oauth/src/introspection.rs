//! Asking an issuer about a token (RFC 7662). The answer is judged by
//! [`portcullis_core::introspection::judge`].

use portcullis_core::id::ClientId;
use portcullis_core::secret::Secret;

use crate::client_auth::Credential;
use crate::form::Form;
use crate::request::Request;

/// Asks about an access token. The hint keeps an issuer from looking among its refresh tokens first; one that
/// ignores it answers all the same (RFC 7662 section 2.1).
pub fn request(
    endpoint: &str,
    token: &Secret,
    client: &ClientId,
    credential: &Credential<'_>,
) -> Request {
    let form = Form::default().with("token", token.expose());
    let form = form.with("token_type_hint", "access_token");
    let (form, authorization) = credential.put(client, form);
    Request { url: endpoint.to_owned(), authorization, form }
}
