//! Which texts are judged as JWTs, whatever else is wrong with them.

use super::*;

#[test]
fn looks() {
    let token = signer().sign(&claims());
    for yes in [
        token.as_str(),
        "eyJhbGciOiJub25lIn0.e30.",
        "e30.e30.e30",
        "IHsidCI6MX0.e30.AA",
        "DQp7fQ.e30.",
        "ICAgICAgICAgICAgICAgICAgICB7fQ.e30.",
        // Whatever stands in the other parts.
        "eyJhIjoxfQ.e30.A=",
        "eyJhIjoxfQ.e+0.AA",
        "eyJhIjoxfQ.e30.\u{e4}",
        "eyJhIjoxfQ..",
        // And however the first is written: padding, stray bits, characters of no alphabet or another.
        "eyJhIjoxfQ==.e30.AA",
        "eyJhIjoxfR.e30.AA",
        "eyJ.e30.AA",
        "e=y=J=hIjoxfQ.e30.AA",
        "~eyJhIjoxfQ.e30.AA",
        "+eyJhIjoxfQ.e30.AA",
        "-eyJhIjoxfQ.e30.AA",
        "-+/_eyJhIjoxfQ.e30.AA",
        // Two parts more do not make it an encrypted one.
        "eyJhIjoxfQ.a.b.c.d",
        "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0.a.b",
        "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0.a.b.c.",
    ] {
        assert!(looks_like_jwt(yes), "{yes}");
    }
    for no in [
        "",
        "opaque",
        "a.b.c",
        "..",
        "....",
        "W10.e30.AA",
        "eyJ.eyJ",
        "eyJhIjoxfQ",
        "ICAg.e30.AA",
        // The five parts of an encrypted token, also without an encrypted key.
        "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0.a.b.c.d",
        "eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIn0..b.c.d",
        // With letters of the alphabet's end before `enc`, in either alphabet.
        "eyJraWQiOiJra2t-MSIsImFsZyI6IlJTQS1PQUVQIiwiZW5jIjoiQTI1NkdDTSJ9.a.b.c.d",
        "eyJraWQiOiJra2t+MSIsImFsZyI6IlJTQS1PQUVQIiwiZW5jIjoiQTI1NkdDTSJ9.a.b.c.d",
        "eyJraWQiOiJra2t_MSIsImFsZyI6IlJTQS1PQUVQIiwiZW5jIjoiQTI1NkdDTSJ9.a.b.c.d",
    ] {
        assert!(!looks_like_jwt(no), "{no}");
    }
}

/// Decoders drop what they do not know, and the issuer's may be one of them: such a text must not be
/// taken for an opaque token that the issuer is asked about.
// req: RS-3
#[test]
fn a_refused_token_has_no_second_chance_as_an_opaque_one() {
    let token = signer().sign(&claims());
    assert!(judge(&token, expectation()).is_ok());
    for tail in ["=", "==", "~", "+", "/", ".", "..", ".=", ".~.=", ".A", ".A.A"] {
        let text = format!("{token}{tail}");
        assert!(looks_like_jwt(&text), "{tail}");
        assert!(matches!(judge(&text, expectation()), Err(Refusal::Jws(_))), "{tail}");
    }
    for (i, _) in token.match_indices('.').chain([(0, "")]) {
        let (start, end) = token.split_at(i);
        for foreign in ["=", "~", "+", "/"] {
            let text = format!("{start}{foreign}{end}");
            assert!(looks_like_jwt(&text), "{foreign} at {i}");
            assert!(
                matches!(judge(&text, expectation()), Err(Refusal::Jws(_))),
                "{foreign} at {i}"
            );
        }
    }
}

proptest! {
    /// Nothing that is read as a token is ever taken for opaque, nor what a foreign character makes of it.
    #[test]
    fn no_header_hides(
        space in "[ \t\r\n]{0,9}",
        next in "[ \t\r\n]{0,2}",
        at in 0_usize..40,
        foreign in "[=~+/_-]{0,3}",
    ) {
        let token = signer().sign_parts(format!("{space}{{{next}\"alg\":\"EdDSA\"}}"), "{}");
        prop_assert!(looks_like_jwt(&token));
        let at = at.min(token.find('.').unwrap());
        let (start, end) = token.split_at(at);
        let text = format!("{start}{foreign}{end}");
        prop_assert!(looks_like_jwt(&text), "{}", text);
    }
}
