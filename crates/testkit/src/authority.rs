//! An authority of a test's own, and the certificates it signs. Keys are made on the spot, and all of it is good
//! from 1975 to 4096.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};

/// Signs certificates.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key.
#[derive(Clone, Debug)]
pub struct Certified {
    /// The certificate, DER.
    pub der: Vec<u8>,
    /// Its key, PKCS #8 in DER.
    pub key: Vec<u8>,
}

fn params(name: &str, names: &[&str]) -> CertificateParams {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

impl Authority {
    /// One of this name, which nobody trusts yet.
    pub fn new(name: &str) -> Authority {
        let mut params = params(name, &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    /// What those who trust it have in a file.
    pub fn pem(&self) -> String {
        crate::pem("CERTIFICATE", self.0.der())
    }

    /// The certificate itself, DER.
    pub fn der(&self) -> Vec<u8> {
        self.0.der().to_vec()
    }

    /// A certificate of a server that is found under these names and addresses.
    pub fn server(&self, names: &[&str]) -> Certified {
        self.sign(params("a server", names), ExtendedKeyUsagePurpose::ServerAuth)
    }

    /// A certificate of a client.
    pub fn client(&self, name: &str) -> Certified {
        self.sign(params(name, &[]), ExtendedKeyUsagePurpose::ClientAuth)
    }

    fn sign(&self, mut params: CertificateParams, purpose: ExtendedKeyUsagePurpose) -> Certified {
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().unwrap();
        let signed = params.signed_by(&key, &self.0).unwrap();
        Certified { der: signed.der().to_vec(), key: key.serialize_der() }
    }
}

impl Certified {
    /// One that nobody signed but itself, as `openssl req -x509` makes them: an authority of its own, unless
    /// `basicConstraints=CA:FALSE` was said.
    pub fn by_itself(name: &str, names: &[&str], is_authority: bool) -> Certified {
        let mut params = params(name, names);
        params.is_ca = if is_authority {
            IsCa::Ca(BasicConstraints::Unconstrained)
        } else {
            IsCa::ExplicitNoCa
        };
        let key = KeyPair::generate().unwrap();
        let signed = params.self_signed(&key).unwrap();
        Certified { der: signed.der().to_vec(), key: key.serialize_der() }
    }

    /// The certificate for a file.
    pub fn pem(&self) -> String {
        crate::pem("CERTIFICATE", &self.der)
    }

    /// The key for a file.
    pub fn key_pem(&self) -> String {
        crate::pem("PRIVATE KEY", &self.key)
    }

    /// `x5t#S256` of RFC 8705: what a token says that is bound to it.
    pub fn thumbprint(&self) -> String {
        crate::base64url(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &self.der))
    }
}
