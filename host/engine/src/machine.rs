//! How many instances the machine can hold at once.
//!
//! Owns the arithmetic. Linux counts every mapping of a process against `vm.max_map_count`, and a process
//! that reaches it cannot even allocate memory, so the pools are sized to stay well below.

/// What Linux allows where nobody changed it.
const MAPS_DEFAULT: u64 = 65_530;
/// Left to RocksDB, to malloc and to compiled code.
const MAPS_RESERVED: u64 = 15_000;
/// Mappings of one live instance: four of its memory and two of its stack.
const MAPS_PER_INSTANCE: u64 = 6;
/// Each slot reserves a little more than 4 GiB of addresses, and a process has 128 TiB.
const SLOTS_MAX: u64 = 16_000;
/// Actors' turns that may be held at once besides the activities, many of them waiting for another actor.
const ACTOR_TURNS: u64 = 512;
/// Fewer would not be worth running.
const SLOTS_MIN: u64 = 16;

/// How many instances each engine's pool holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pools {
    /// Workflows, which keep their instance while they wait.
    pub(crate) workflows: u32,
    /// Actors and activities, which have an instance only while they run.
    pub(crate) plain: u32,
}

impl Pools {
    /// What this machine can hold; `wanted` lowers the number of workflows.
    pub(crate) fn of_this_machine(activities_max: usize, wanted: Option<u32>) -> Pools {
        let file = std::fs::read_to_string("/proc/sys/vm/max_map_count");
        let maps = file.ok().and_then(|text| text.trim().parse().ok());
        Pools::sized(maps.unwrap_or(MAPS_DEFAULT), activities_max, wanted)
    }

    fn sized(maps: u64, activities_max: usize, wanted: Option<u32>) -> Pools {
        let maps = maps.saturating_sub(MAPS_RESERVED);
        let slots = (maps / MAPS_PER_INSTANCE).clamp(2 * SLOTS_MIN, SLOTS_MAX);
        let plain_wanted = ACTOR_TURNS.saturating_add(activities_max as u64);
        let plain = plain_wanted.min(slots / 4).max(SLOTS_MIN);
        let workflows = u64::from(wanted.unwrap_or(u32::MAX)).clamp(1, slots - plain);
        Pools {
            workflows: small(workflows),
            plain: small(plain),
        }
    }
}

fn small(slots: u64) -> u32 {
    u32::try_from(slots).expect("no pool is larger than SLOTS_MAX")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn maps_used(pools: Pools) -> u64 {
        u64::from(pools.workflows + pools.plain) * MAPS_PER_INSTANCE
    }

    #[test]
    fn linux_default_leaves_room_for_the_rest_of_the_process() {
        let pools = Pools::sized(MAPS_DEFAULT, 256, None);
        let expected = Pools {
            workflows: 7_653,
            plain: 768,
        };
        assert_eq!(pools, expected);
        assert!(maps_used(pools) + MAPS_RESERVED <= MAPS_DEFAULT);
    }

    #[test]
    fn many_mappings_are_bounded_by_the_address_space() {
        let pools = Pools::sized(1 << 30, 256, None);
        assert_eq!(u64::from(pools.workflows + pools.plain), SLOTS_MAX);
    }

    #[test]
    fn few_mappings_still_give_a_pool_that_works() {
        let pools = Pools::sized(1_000, 100_000, None);
        let expected = Pools {
            workflows: 16,
            plain: 16,
        };
        assert_eq!(pools, expected);
    }

    #[test]
    fn an_operator_may_lower_the_number_of_workflows_and_not_raise_it() {
        assert_eq!(Pools::sized(MAPS_DEFAULT, 256, Some(9)).workflows, 9);
        assert_eq!(
            Pools::sized(MAPS_DEFAULT, 256, Some(1 << 20)).workflows,
            7_653
        );
    }
}
