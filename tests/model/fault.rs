//! Faults by dice.

use std::time::Duration;

use openfinance_sandbox::{Commit, FaultBody, FaultRule, Malformed, Operation, Stage};

use super::Dice;

const CREATES: [Operation; 4] = [
    Operation::AddTestingCustomer,
    Operation::AddCustomer,
    Operation::CreateConsumer,
    Operation::AddBusinessDetails,
];

const OTHERS: [Operation; 11] = [
    Operation::CreateToken,
    Operation::GetCustomers,
    Operation::GetCustomer,
    Operation::ModifyCustomer,
    Operation::DeleteCustomer,
    Operation::GetConsumerForCustomer,
    Operation::GetConsumer,
    Operation::ModifyConsumer,
    Operation::GetBusinessByCustomer,
    Operation::GetBusinessById,
    Operation::UpdateBusiness,
];

/// A rule for the next request, or the next few, of some operation.
pub(super) fn fault(dice: &mut Dice) -> FaultRule {
    let operation = if dice.one_in(2) {
        dice.pick(&CREATES)
    } else {
        dice.pick(&OTHERS)
    };
    let rule = FaultRule::on(operation).times(dice.pick(&[1, 1, 1, 2, 4]));
    let commit = match dice.roll(4) {
        0 => Commit::Before,
        1 => Commit::Never,
        2 => Commit::Late(Duration::from_millis(dice.pick(&[50, 1_500, 4_500]))),
        _ => Commit::Late(Duration::from_secs(dice.pick(&[8, 60, 1_800]))),
    };
    match dice.roll(8) {
        0 => rule.reset_at(dice.pick(&[Stage::RequestHeaders, Stage::RequestBody])),
        1 => rule.commit(commit).reset_at(Stage::ResponseHeaders),
        2 => rule.commit(commit).stall_at(Stage::ResponseHeaders),
        3 => rule.commit(commit).reset_at(Stage::ResponseBody),
        4 | 5 => {
            let page = FaultBody::Text("<html>Later</html>".to_owned());
            let status = dice.pick(&[500, 502, 503, 504]);
            rule.commit(commit).answer(status, Some(page))
        }
        6 => rule.malformed(dice.pick(&[
            Malformed::NotJson,
            Malformed::Empty,
            Malformed::MissingField,
        ])),
        _ => rule.truncate_bytes(dice.pick(&[0, 9])),
    }
}

/// Whether its answer can't be understood.
pub(super) fn spoils(rule: &FaultRule) -> bool {
    rule.malformed.is_some() || rule.truncate_bytes.is_some()
}
