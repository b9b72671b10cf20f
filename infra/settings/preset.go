package settings

// Preset returns the values of a new settings file that differ from the template's
// defaults: for the stages dev and prod, none for others.
func Preset(stage string) Values {
	switch stage {
	case "dev": // for trying things: short retention, all logs; archives what the appliance has, and starts no analysis
		return Values{"AnalysisMode": "latest", "RawRetentionDays": "14", "ArchiveTiers": "off", "LogRetentionDays": "14", "LogLevel": "debug", "StaleAfterHours": "168"}
	case "prod": // logs are kept for a year
		return Values{"LogRetentionDays": "365"}
	}
	return nil
}
