package upgrade

import (
	"strings"
	"testing"

	"imperio/appliance/control"
)

func TestRolling_OneMemberAtATime(t *testing.T) {
	well := control.MemberStatus{Role: control.RoleVoter, Reached: true, Ready: true}
	self, silent, behind, lesser := well, well, well, well
	self.Self, self.Role = true, control.RoleLeader
	silent.ID, silent.Reached = "node-2", false
	behind.ID, behind.Ready = "node-2", false
	lesser.Role = control.RoleNonVoter
	lesserSelf := lesser
	lesserSelf.Self = true
	for name, c := range map[string]struct {
		members []control.MemberStatus
		want    string // a part of the refusal; "": none
	}{
		"three voters":                      {[]control.MemberStatus{self, well, well}, ""},
		"two voters":                        {[]control.MemberStatus{self, well}, "1 of 2 voters would be left, and 2 are needed"},
		"two voters and one without a vote": {[]control.MemberStatus{self, well, lesser}, "1 of 2 voters"},
		"the one without a vote":            {[]control.MemberStatus{lesserSelf, well}, ""},
		"one is silent":                     {[]control.MemberStatus{self, silent, well}, "node-2 does not answer"},
		"one is behind":                     {[]control.MemberStatus{self, behind, well}, "node-2 has not caught up"},
		"five voters, one silent":           {[]control.MemberStatus{self, silent, well, well, well}, "node-2 does not answer"},
	} {
		err := canSpare(&control.ClusterStatus{Members: c.members})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
