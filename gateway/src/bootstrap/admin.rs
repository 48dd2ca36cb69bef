//! The administrator: role, policy and user.
//!
//! It must never make a second one where somebody can administrate already.

use rand::distr::{Alphanumeric, SampleString as _};
use secrecy::SecretString;

use super::{first_flag, plain, with};
use crate::database::{DatabaseError, Transaction};

const PASSWORD_LENGTH: usize = 24;

/// Whether some active user has a policy with admin access, directly or through roles.
pub(super) async fn exists(transaction: &mut Transaction) -> Result<bool, DatabaseError> {
    let query = r#"
        with recursive admins(role) as (
            select a.role from directus_access a join directus_policies p on p.id = a.policy where p.admin_access and a.role is not null
            union
            select r.id from directus_roles r join admins on r.parent = admins.role
        )
        select exists (
            select from directus_users u
            where u.status = 'active' and (u.role in (select role from admins) or exists (
                select from directus_access a join directus_policies p on p.id = a.policy where p.admin_access and a."user" = u.id)))"#;
    first_flag(&transaction.query(&plain(query)).await?)
}

/// Makes role, policy and user.
pub(super) async fn create(transaction: &mut Transaction, email: &str, hash: &str, token: Option<&str>) -> Result<(), DatabaseError> {
    let insert = r#"
        with role as (
            insert into directus_roles (id, name, icon, description)
            values (gen_random_uuid(), 'Administrator', 'verified', '$t:admin_description') returning id
        ), policy as (
            insert into directus_policies (id, name, icon, description, admin_access, app_access)
            values (gen_random_uuid(), 'Administrator', 'verified', '$t:admin_description', true, true) returning id
        ), access as (
            insert into directus_access (id, role, policy, sort) select gen_random_uuid(), role.id, policy.id, 1 from role, policy
        )
        insert into directus_users (id, first_name, last_name, email, password, token, role)
        select gen_random_uuid(), 'Admin', 'User', lower($1), $2, $3, role.id from role"#;
    transaction.execute(&with(insert, [Some(email), Some(hash), token])).await.map(|_| ())
}

pub(super) fn make_up_password() -> SecretString {
    Alphanumeric.sample_string(&mut rand::rng(), PASSWORD_LENGTH).into()
}
