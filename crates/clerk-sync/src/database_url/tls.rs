//! Everything a URL can say about encryption, in the words of several tools, made into one answer.

use std::path::PathBuf;

use super::error::DatabaseUrlError;
use super::target::{ClientCertificate, Tls, TlsMode};

/// The parameters about TLS as they were given, each with the name it was given under.
#[derive(Debug, Default)]
pub(super) struct TlsParameters {
    mode: Option<(&'static str, TlsMode)>,
    accept: Option<(&'static str, Accept)>,
    pub(super) root: Option<(&'static str, String)>,
    pub(super) certificate: Option<(&'static str, String)>,
    pub(super) key: Option<(&'static str, String)>,
}

/// Prisma's `sslaccept`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Accept {
    Strict,
    InvalidCertificates,
}

impl TlsParameters {
    /// `sslmode`, in PostgreSQL's words or in MySQL's.
    pub(super) fn take_mode(&mut self, name: &'static str, value: &str) -> Result<(), DatabaseUrlError> {
        let mode = match value.to_ascii_lowercase().replace('_', "-").as_str() {
            "disable" | "disabled" => TlsMode::Disable,
            "allow" => TlsMode::Allow,
            "prefer" | "preferred" => TlsMode::Prefer,
            "require" | "required" => TlsMode::Require,
            "verify-ca" => TlsMode::VerifyCa,
            "verify-full" | "verify-identity" => TlsMode::VerifyFull,
            _ => {
                let expected = "`disable`, `allow`, `prefer`, `require`, `verify-ca` or `verify-full`";
                return Err(DatabaseUrlError::Value { name, expected });
            }
        };
        self.set_mode(name, mode)
    }

    /// `ssl=true`, and the JSON that Node's MySQL driver takes (`{"rejectUnauthorized":true}`).
    pub(super) fn take_flag(&mut self, name: &'static str, value: &str) -> Result<(), DatabaseUrlError> {
        let strict =
            || serde_json::from_str::<serde_json::Value>(value).ok()?.get("rejectUnauthorized")?.as_bool();
        let mode = match value.to_ascii_lowercase().as_str() {
            "true" | "1" => TlsMode::Require,
            "false" | "0" => TlsMode::Disable,
            _ => match strict() {
                Some(true) => TlsMode::VerifyFull,
                Some(false) => TlsMode::Require,
                None => return Err(DatabaseUrlError::Value { name, expected: "`true` or `false`" }),
            },
        };
        self.set_mode(name, mode)
    }

    /// `tls`, as Go's MySQL driver has it.
    pub(super) fn take_go_mode(&mut self, name: &'static str, value: &str) -> Result<(), DatabaseUrlError> {
        let mode = match value.to_ascii_lowercase().as_str() {
            "true" => TlsMode::VerifyFull,
            "skip-verify" => TlsMode::Require,
            "preferred" => TlsMode::Prefer,
            "false" => TlsMode::Disable,
            _ => {
                let expected = "`true`, `false`, `skip-verify` or `preferred`";
                return Err(DatabaseUrlError::Value { name, expected });
            }
        };
        self.set_mode(name, mode)
    }

    /// `sslaccept`, as Prisma has it.
    pub(super) fn take_accept(&mut self, name: &'static str, value: &str) -> Result<(), DatabaseUrlError> {
        let accept = match value.to_ascii_lowercase().as_str() {
            "strict" => Accept::Strict,
            "accept_invalid_certs" => Accept::InvalidCertificates,
            _ => {
                return Err(DatabaseUrlError::Value { name, expected: "`strict` or `accept_invalid_certs`" });
            }
        };
        self.accept = Some((name, accept));
        Ok(())
    }

    /// `ssl=true` beside an `sslmode` that encrypts too says nothing new; the `sslmode` is the more exact.
    fn set_mode(&mut self, name: &'static str, mode: TlsMode) -> Result<(), DatabaseUrlError> {
        let Some((first, earlier)) = self.mode else {
            self.mode = Some((name, mode));
            return Ok(());
        };
        let encrypts = |mode| !matches!(mode, TlsMode::Disable | TlsMode::Allow | TlsMode::Prefer);
        let one_is_flag = first == "ssl" || name == "ssl";
        if earlier != mode && !(one_is_flag && encrypts(earlier) && encrypts(mode)) {
            return Err(DatabaseUrlError::Contradiction { first, second: name });
        }
        if first == "ssl" {
            self.mode = Some((name, mode));
        }
        Ok(())
    }

    /// One answer from all of them.
    pub(super) fn resolve(self) -> Result<Tls, DatabaseUrlError> {
        let (root, client_certificate) = files(self.root, self.certificate, self.key)?;
        let (root, from_system) = match root {
            Some((name, path)) if path == "system" => (None, Some(name)),
            root => (root, None),
        };
        let given = self.mode.map(|(_, mode)| mode);
        let mode = match (given, self.accept.map(|(_, accept)| accept)) {
            (Some(TlsMode::Disable), Some(Accept::Strict))
            | (Some(TlsMode::VerifyCa | TlsMode::VerifyFull), Some(Accept::InvalidCertificates)) => {
                return Err(contradiction(self.mode, self.accept.map(|(name, _)| name)));
            }
            (Some(TlsMode::VerifyCa), Some(Accept::Strict)) => TlsMode::VerifyCa,
            (_, Some(Accept::Strict)) => TlsMode::VerifyFull,
            (given, Some(Accept::InvalidCertificates)) => given.unwrap_or_default(),
            // Who names an authority wants it checked; libpq does the same for `require`.
            (None | Some(TlsMode::Require), None) if root.is_some() => TlsMode::VerifyCa,
            (None, None) if from_system.is_some() => TlsMode::VerifyFull,
            (given, None) => given.unwrap_or_default(),
        };
        // libpq refuses this too: any public certificate would do for a server that is not checked by name.
        if from_system.is_some() && mode != TlsMode::VerifyFull {
            return Err(contradiction(self.mode, from_system));
        }
        Ok(Tls { mode, root_certificate: root.map(|(_, path)| PathBuf::from(path)), client_certificate })
    }
}

fn contradiction(mode: Option<(&'static str, TlsMode)>, other: Option<&'static str>) -> DatabaseUrlError {
    let first = mode.map_or("sslaccept", |(name, _)| name);
    DatabaseUrlError::Contradiction { first, second: other.unwrap_or("sslaccept") }
}

type Named = Option<(&'static str, String)>;

/// `sslcert` is the client's certificate beside a key, as in libpq, and the authority's without one, as in Prisma.
fn files(
    root: Named,
    certificate: Named,
    key: Named,
) -> Result<(Named, Option<ClientCertificate>), DatabaseUrlError> {
    match (root, certificate, key) {
        (root, None, None) => Ok((root, None)),
        (None, Some(certificate), None) => Ok((Some(certificate), None)),
        (Some(_), Some((present, _)), None) => {
            Err(DatabaseUrlError::Incomplete { present, missing: "sslkey" })
        }
        (_, None, Some((present, _))) => Err(DatabaseUrlError::Incomplete { present, missing: "sslcert" }),
        (root, Some((_, certificate)), Some((_, key))) => {
            let client =
                ClientCertificate { certificate: PathBuf::from(certificate), key: PathBuf::from(key) };
            Ok((root, Some(client)))
        }
    }
}
