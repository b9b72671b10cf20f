package settings

// Preset returns what a new file of a stage chooses otherwise than the
// template's defaults.
func Preset(stage string) Values {
	switch stage {
	case "dev": // to try things: cheap, forgetful, talkative; reads what the appliance has, and starts no analysis
		return Values{"AnalysisMode": "latest", "RawRetentionDays": "14", "ArchiveTiers": "off", "LogRetentionDays": "14", "LogLevel": "debug", "StaleAfterHours": "168"}
	case "prod": // for the record
		return Values{"LogRetentionDays": "365"}
	}
	return nil
}
